import re

import pytest

from spinebench.errors import UsageError
from spinebench.report.site import build_site
from spinebench.tables import read_manifest, sha256_of_file
from tests.report.sample import NASTY, write_runs
from tests.report.test_page import Outline


@pytest.fixture(scope="module")
def runs(bench, tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("site-runs"), bench)[2:]


@pytest.fixture(scope="module")
def site(bench, runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "out"
    return build_site(bench.folder, runs, folder), folder


def test_every_link_leads_to_a_file_or_a_place(site):
    _, folder = site
    pages = sorted(folder.rglob("*.html"))
    assert [p.relative_to(folder).as_posix() for p in pages] == [
        "index.html", "runs/m1.html", "runs/m2.html", "runs/m3.html"
    ]  # fmt: skip
    for path in pages:
        outline = Outline(path.read_text(encoding="utf-8"))
        ids = {attrs["id"] for _, attrs in outline.elements if "id" in attrs}
        hrefs = [attrs["href"] for attrs in outline.of("a")]
        assert hrefs
        for href in hrefs:
            if href.startswith("#"):
                assert href[1:] in ids, (path.name, href)
            elif not href.startswith("https://example.org/"):
                assert (path.parent / href).is_file(), (path.name, href)


def test_index_and_pages_share_the_work(site):
    _, folder = site
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert 'href="runs/m1.html"' in index
    assert "Model by model" not in index
    assert "Reported elsewhere" in index
    page = (folder / "runs" / "m1.html").read_text(encoding="utf-8")
    assert 'href="../index.html"' in page
    assert "Which class was taken for which" in page
    assert "Reported elsewhere" not in page


def test_no_picture_unless_asked_for(site, bench, runs, tmp_path):
    manifest, folder = site
    assert manifest["restricted"] == []
    for path in folder.rglob("*.html"):
        assert "data:image/" not in path.read_text(encoding="utf-8")
    found = build_site(bench.folder, runs, tmp_path / "pictures", gallery_per_group=1)
    assert found["restricted"] == ["RSNA 2024 Lumbar Spine", "VinDr-SpineXR"]
    html = (tmp_path / "pictures" / "runs" / "m1.html").read_text(encoding="utf-8")
    assert "data:image/" in html


def test_data_stand_beside_and_every_file_is_in_the_manifest(site, runs):
    manifest, folder = site
    assert read_manifest(folder, "site")["files"] == manifest["files"]
    held = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert held == {*manifest["files"], "manifest.json"}
    for name, digest in manifest["files"].items():
        assert sha256_of_file(folder / name) == digest
    assert {"data/board.csv", "data/board.json", "data/board.tex",
            "data/reported_2510_12267.csv", "data/reported_2510_03160.csv"} <= held  # fmt: skip
    kept = {sha256_of_file(folder / f"data/runs/m{n}/predictions.parquet") for n in (1, 2, 3)}
    assert kept == {sha256_of_file(run / "predictions.parquet") for run in runs}


def test_same_inputs_same_site(site, bench, runs, tmp_path):
    manifest, _ = site
    assert build_site(bench.folder, runs, tmp_path / "again")["files"] == manifest["files"]


def test_hostile_names_and_answers_are_text(site):
    _, folder = site
    for path in folder.rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        assert NASTY not in html
        assert html.count("<script") == 1
        assert re.search(r"Content-Security-Policy\" content=\"default-src 'none'", html)


def test_a_taken_place_is_one_line(bench, runs, site):
    with pytest.raises(UsageError, match="already exists and is not empty"):
        build_site(bench.folder, runs, site[1])
    with pytest.raises(UsageError, match="at least one run"):
        build_site(bench.folder, [], site[1])
