"""Croissant 1.0 metadata beside a Hugging Face folder: every file with its SHA-256.

Written as the specification says (`mlcroissant` validates it in `make test-peers`): a `FileObject`
for each Parquet file, and a `RecordSet` for each, whose fields name its columns.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import spinebench
from spinebench.benchmark.release import hf
from spinebench.benchmark.release.columns import FEATURES, read_rows
from spinebench.benchmark.release.files import write_release_note
from spinebench.benchmark.release.incoming import Entry, Incoming, refuse_file
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.rows import Selection
from spinebench.errors import DataError, UsageError
from spinebench.records import Split
from spinebench.sources.jsonfile import read_json
from spinebench.sources.layout import check_is_folder, describe_found
from spinebench.tables import sha256_of_file, write_json

NAME = "croissant"
LOADING = hf.LOADING
FILE = "croissant.json"

# The context that the specification prescribes, word for word.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MEANINGS = {
    "image": "the picture that is asked about",
    "question": "the question's text",
    "options": "the options in the order of their letters, from A",
    "answers": "the right options as text",
    "letters": "the letters of the right options, joined",
    "patient": "a hash; equal where the patient is",
}
_TYPES = {"string": "sc:Text", "bool": "sc:Boolean", "float64": "sc:Float"}


def write(selection: Selection, folder: Path, options: ExportOptions) -> dict[str, Any]:
    """The release's note; the Hugging Face folder and `croissant.json` were written."""
    hf.write(selection, folder, options)
    write_json(folder / FILE, build_metadata(selection, folder))
    return write_release_note(folder, selection, NAME, {"metadata": FILE})


def build_metadata(selection: Selection, folder: Path) -> dict[str, Any]:
    """Content of `croissant.json` for the files that stand in the folder."""
    tables = [file for file, _ in hf.find_tables(folder)]
    described = selection.bench.manifest["sources"]
    titles = [described[name]["title"] for name in selection.sources]
    terms = [selection.bench.manifest["sources"][name]["terms"] for name in selection.sources]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "spine-questions",
        "description": f"{len(selection.rows)} multiple-choice questions on "
        f"{len(selection.images)} images of the spine, made by spinebench.",
        "version": "1.0.0",
        "citeAs": "tasks and layout: arXiv 2510.12267; images: " + "; ".join(titles),
        "datePublished": date(1970, 1, 1).isoformat(),
        "license": [f"{term['name']} ({term['url']})" for term in terms],
        "creator": {"@type": "Organization", "name": f"spinebench {spinebench.__version__}"},
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file,
                "name": file,
                "contentUrl": file,
                "contentSize": f"{(folder / file).stat().st_size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": sha256_of_file(folder / file),
            }
            for file in tables
        ],
        "recordSet": [_record_set(file) for file in tables],
    }


def _record_set(file: str) -> dict[str, Any]:
    # one for each file: a set of files would need an archive or a repository around them
    name = file.removesuffix(".parquet").replace("/", "_")
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"the questions in {file}",
        "key": {"@id": f"{name}/question_id"},
        "field": [_field(name, file, column) for column in FEATURES],
    }


def _field(record_set: str, file: str, column: str) -> dict[str, Any]:
    feature = FEATURES[column]
    source: dict[str, Any] = {"fileObject": {"@id": file}, "extract": {"column": column}}
    if feature["_type"] == "Image":
        source["transform"] = {"jsonPath": "bytes"}
        data_type = "sc:ImageObject"
    else:
        value = feature["feature"] if feature["_type"] == "List" else feature
        data_type = _TYPES[value["dtype"]]
    field = {
        "@type": "cr:Field",
        "@id": f"{record_set}/{column}",
        "name": column,
        "description": _MEANINGS.get(column, column.replace("_", " ")),
        "dataType": data_type,
        "source": source,
    }
    return field | ({"repeated": True} if feature["_type"] == "List" else {})


# --- reading ------------------------------------------------------------------------------------


def read(incoming: Incoming) -> Iterator[Entry]:
    """Entries of the files that `croissant.json` names, each held to its SHA-256."""
    check_is_folder(incoming.root)
    if not (incoming.root / FILE).exists():
        raise UsageError(f"{incoming.root} holds no {FILE}; {describe_found(incoming.root)}")
    metadata = read_json(incoming.root, FILE, limit_bytes=64_000_000)
    incoming.files.add(FILE)
    found = dict(hf.find_tables(incoming.root))
    for file, expected in _named_files(metadata):
        split: Split | None = found.get(file)
        if split is None:
            raise DataError(
                file=FILE, field="contentUrl", found=repr(file[:200]),
                expected="a file of ours in this folder, as TASK/SPLIT-NUMBER.parquet",
            )  # fmt: skip
        digest = sha256_of_file(incoming.root / file)
        if digest != expected:
            raise DataError(
                file=file, field="SHA-256", found=digest, expected=f"{expected} ({FILE})"
            )
        yield from read_rows(incoming, file, split)


def _named_files(metadata: Any) -> list[tuple[str, str]]:
    files = metadata.get("distribution") if isinstance(metadata, dict) else None
    if not isinstance(files, list) or not files:
        refuse_file(FILE, "no distribution", "Croissant metadata with its files")
    named = []
    for entry in files:
        url = entry.get("contentUrl") if isinstance(entry, dict) else None
        digest = entry.get("sha256") if isinstance(entry, dict) else None
        if not isinstance(url, str) or not isinstance(digest, str):
            refuse_file(FILE, "a file without contentUrl or sha256", "both as text")
        named.append((url, digest))
    return named
