from spinebench.sources.public_sets import PublicSet, load_public_sets, load_survey_counts
from spinebench.sources.registry import SOURCES


def test_sets_are_complete_where_we_read_them() -> None:
    sets = {entry.name: entry for entry in load_public_sets()}
    assert len(sets) == len(load_public_sets()) == 15
    assert sets["SPIDER"] == PublicSet(
        name="SPIDER",
        modality="MR",
        region="lumbar",
        size="patients 218, series 447",
        labels="vertebrae, discs and canal segmented; eight gradings of each disc",
        terms="CC BY 4.0",
        where="zenodo.org/records/10159290",
        read_by="",
    )
    read = [entry.read_by for entry in load_public_sets() if entry.read_by]
    assert sorted(read) == sorted(name for name in SOURCES if name != "table")
    assert all(entry.name and entry.modality and entry.region for entry in sets.values())


def test_the_survey_counts_more_than_we_list() -> None:
    assert load_survey_counts() == {"open": 17, "private": 32}
