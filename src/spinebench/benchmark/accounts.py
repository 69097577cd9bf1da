"""Every row and cell that was read becomes used or dropped, once the questions exist."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from spinebench.benchmark.labels import Decision, Labelled
from spinebench.benchmark.labels.evidence import Unit, units_of
from spinebench.benchmark.questions import name_unit
from spinebench.records import Finding, Image, Question
from spinebench.sources.base import Reading


class Accounts:
    """Reasons collected while a benchmark is built, and the settlement at its end."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self.readings = readings
        self._drops: dict[str, tuple[str, str]] = {}  # reason, detail by finding id
        self._by_image: dict[str, list[str]] = defaultdict(list)  # finding ids by image id
        for reading in readings:
            for finding in reading.findings:
                self._by_image[finding.image_id].append(finding.finding_id)

    def take(self, reading: Reading, decision: Decision) -> None:
        """Note what a label rule put aside, and the questions it did not ask."""
        for aside in decision.put_aside:
            self._drops[aside.finding.finding_id] = (aside.reason, aside.detail)
        for note in decision.notes:
            reading.ledger.drop(note.finding.file, None, note.reason, note.detail)

    def drop(self, labels: Iterable[Labelled], reason: str, detail: str) -> None:
        """Drop an image: the findings of its labels, and what they would have asked."""
        for label in labels:
            self._drops.update(dict.fromkeys(label.finding_ids, (reason, detail)))

    def settle(self, questions: Sequence[Question]) -> None:
        """Make each unit used or dropped in its ledger, which must then add up.

        A unit is used if a question rests on it. A grade that its reader had dropped for want of a
        point is taken back where a question rests on it after all. Raises DataError if it does
        not add up.
        """
        rests_on: dict[str, set[str]] = defaultdict(set)
        for question in questions:
            rests_on[question.source].update(question.rests_on)
        asked_images = {image_id for q in questions for image_id in q.image_ids}
        for reading in self.readings:
            self._settle_one(reading, rests_on[reading.source], asked_images)

    def _settle_one(self, reading: Reading, rests_on: set[str], asked_images: set[str]) -> None:
        ledger, source = reading.ledger, reading.source
        used: set[Unit] = set()
        lost: dict[Unit, tuple[str, str]] = {}
        for finding in reading.findings:
            for unit in units_of(finding):
                if name_unit(source, unit) in rests_on:
                    used.add(unit)
                else:
                    lost[unit] = self._drops.get(finding.finding_id, _NOT_NEEDED)
        cells: set[Unit] = {(cell.file, cell.row, cell.column) for cell in reading.cells}
        needed = {unit for unit in cells if name_unit(source, unit) in rests_on}
        ledger.take_back(needed)
        used |= needed
        for (file, row), image_ids in reading.extra_units.items():
            if asked_images.intersection(image_ids):
                used.add((file, row, None))
            else:
                lost[file, row, None] = self._why_none_asked(image_ids)
        for (file, row, column), (reason, detail) in lost.items():
            if (file, row, column) not in used:
                ledger.drop(file, row, reason, detail, column)
        for file, count in Counter(unit[0] for unit in used).items():
            ledger.use(file, count)
        ledger.check()

    def _why_none_asked(self, image_ids: Sequence[str]) -> tuple[str, str]:
        """The reason that all findings of these images share, else that there are several."""
        found = {
            self._drops.get(finding_id, _NOT_NEEDED)
            for image_id in image_ids
            for finding_id in self._by_image[image_id]
        }
        if len(found) == 1:
            return found.pop()
        return "no_question", "none of its images is asked about"

    def findings_of(self, images: Sequence[Image]) -> list[Finding]:
        """All findings of the studies of these images, those of unasked images among them.

        A wrong option can only be proved wrong with what was said of the whole study.
        """
        studies = {(image.source, image.study_id) for image in images}
        return sorted(
            (
                finding
                for reading in self.readings
                for finding in reading.findings
                if (reading.source, reading.images[finding.image_id].study_id) in studies
            ),
            key=lambda finding: finding.finding_id,
        )


_NOT_NEEDED = ("not_needed", "the questions of its image rest on other rows")
