"""`spinebench bench embedders`: encoders side by side on the images of one benchmark."""

from pathlib import Path
from typing import Annotated, Any

import typer

from spinebench.cli.output import Json, Seed, Workers, print_result, table_lines


def embedders(
    bench: Annotated[Path, typer.Argument(help="Benchmark folder.")],
    embedder: Annotated[
        list[str] | None,
        typer.Option("--embedder", help="Another encoder; can be given several times."),
    ] = None,
    images: Annotated[int, typer.Option("--images", help="Images in the table.", min=1)] = 4,
    disease: Annotated[
        str, typer.Option("--disease", help="Disease of the images in the table.")
    ] = "Spondylolisthesis",
    queries: Annotated[
        int, typer.Option("--queries", help="Images to measure on, at most.", min=1)
    ] = 2000,
    seed: Seed = 0,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Compare encoders: the published table, retrieval, and the distractors that each picks."""
    from spinebench.benchmark.bundle import Benchmark
    from spinebench.benchmark.compare_embedders import CompareOptions, compare_embedders
    from spinebench.engine import LocalEngine

    options = CompareOptions(
        embedders=tuple(embedder or ()), disease=disease, images=images, queries=queries, seed=seed
    )
    found = compare_embedders(Benchmark.load(bench), options, engine=LocalEngine(workers))
    print_result(found, _lines(found), as_json=as_json)


def _lines(found: dict[str, Any]) -> list[str]:
    diseases = list(found["published"]["table"][0]["cosines"])
    short = _abbreviations(diseases)
    lines = [
        f"{found['images']} images with a class; measured on {found['queries']} of them, "
        "intervals of 95 % by patient",
        "",
        f"Cosine of {len(found['embedders'][0]['table'])} images of {found['disease']} with each "
        f"disease ({found['aggregate']} over its library images, the image itself left out)",
    ]
    rows = [
        (encoder["name"], number, *(_cosine(row["cosines"][name]) for name in diseases))
        for encoder in found["embedders"]
        for number, row in enumerate(encoder["table"])
    ]
    lines += table_lines(("encoder", "image", *short), rows)
    lines += ["", f"Published ({found['published']['source']})"]
    rows = [
        (row["encoder"], row["image"], *(_cosine(row["cosines"][name]) for name in diseases))
        for row in found["published"]["table"]
    ]
    lines += table_lines(("encoder", "image", *short), rows)
    lines += ["", "Of the k nearest images of other patients, share with the same disease"]
    rows = [
        (
            encoder["name"],
            k.removeprefix("precision_at_"),
            _interval(value),
            _cosine(value["chance"]),
        )
        for encoder in found["embedders"]
        for k, value in encoder["retrieval"].items()
    ]
    lines += table_lines(("encoder", "k", "precision", "by chance"), rows)
    lines += ["", "The hardest distractor"]
    rows = [
        (
            encoder["name"],
            _interval(encoder["true_confusion"]),
            _cosine(encoder["true_confusion"]["chance"]),
            _interval(encoder["margin"]),
        )
        for encoder in found["embedders"]
    ]
    header = ("encoder", "true of the patient too", "by chance", "cosine of the truth less its own")
    lines += table_lines(header, rows)
    lines += [
        "",
        "Accuracy of the nearest class centroid among the options (lower: harder options)",
    ]
    judges = [encoder["name"] for encoder in found["embedders"]]
    picked = [(encoder["name"], encoder["judged_by"]) for encoder in found["embedders"]]
    picked.append(("at random", found["random_distractors"]["judged_by"]))
    rows = [(name, *(_interval(by[judge]) for judge in judges)) for name, by in picked]
    lines += table_lines(("distractors picked by", *(f"judged by {j}" for j in judges)), rows)
    return lines


def _abbreviations(diseases: list[str]) -> list[str]:
    from spinebench.anatomy.diseases import DISEASE_BY_NAME

    return [DISEASE_BY_NAME[name].abbreviation or name for name in diseases]


def _cosine(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(found: dict[str, Any]) -> str:
    if found["estimate"] is None:
        return "-"
    if found["low"] is None:
        return f"{found['estimate']:.3f}"
    return f"{found['estimate']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
