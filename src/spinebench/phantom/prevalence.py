"""How lesions are drawn for a patient: by age and level, in two profiles (MR and film)."""

from __future__ import annotations

import numpy as np

from spinebench.phantom.pathology import (
    CERVICAL_RANGE,
    CURVATURE_COUNTS,
    Lesion,
    LesionKind,
    SpineOptions,
)
from spinebench.phantom.sizes import CERVICAL_DISCS, LUMBAR_DISCS, SIDES, Side

# Relative wear per level (ours; L4/L5 and C5/C6 lead in every series we know of).
WEAR: dict[str, float] = {
    **dict(zip(LUMBAR_DISCS, (0.25, 0.5, 0.9, 1.5, 1.2), strict=True)),
    **dict(zip(CERVICAL_DISCS, (0.2, 0.5, 0.9, 1.5, 1.3, 0.3), strict=True)),
}
# Chances of (moderate, severe) at a level of wear 1: drawn so
# that all patients together come near the shares of RSNA 2024's 49,375 cells.
STENOSIS_CHANCE: dict[str, tuple[float, float]] = {
    "canal": (0.12, 0.075),
    "foramen": (0.31, 0.07),
    "recess": (0.30, 0.125),
}
# Weights of the leading disease of an abnormal film.
FILM_DISEASES: dict[LesionKind, float] = {
    "osteophyte": 0.32,
    "disc": 0.24,
    "slip": 0.16,
    "collapse": 0.14,
    "foramen": 0.14,
}
COLLAPSE_LEVELS: tuple[str, ...] = ("T11", "T12", "L1", "L2", "L3", "L4")
COLLAPSE_WEIGHTS: tuple[float, ...] = (0.10, 0.25, 0.28, 0.15, 0.12, 0.10)


def draw_lesions(
    rng: np.random.Generator, age: int, sex: str, options: SpineOptions
) -> tuple[Lesion, ...]:
    """Lesions of one patient, forced ones included and given precedence."""
    drawn: dict[tuple[str, str, Side | None], Lesion] = {}
    if not options.only_forced:
        discs = {
            "lumbar": LUMBAR_DISCS,
            "cervical": CERVICAL_DISCS,
            "both": LUMBAR_DISCS + CERVICAL_DISCS,
        }[options.region]
        draw = _draw_mr if options.profile == "mr" else _draw_film
        for lesion in draw(rng, age, sex, discs, options.prevalence):
            drawn[lesion.key] = lesion
    names = list(CURVATURE_COUNTS)
    shares = np.array([CURVATURE_COUNTS[name] for name in names], dtype=np.float64)
    shape = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    curvature = Lesion("curvature", CERVICAL_RANGE, subtype=shape)
    drawn[curvature.key] = curvature
    for lesion in options.forced:
        drawn[lesion.key] = lesion
    return tuple(drawn[key] for key in sorted(drawn, key=str))


def _stenosis_fraction(rng: np.random.Generator, chance: tuple[float, float], wear: float) -> float:
    moderate, severe = (min(0.45, part * wear) for part in chance)
    roll = rng.random()
    if roll < severe:
        return float(rng.uniform(0.70, 0.92))
    if roll < severe + moderate:
        return float(rng.uniform(0.37, 0.63))
    return float(0.30 * rng.beta(1.0, 3.0 / max(0.5, min(wear, 2.0))))


def _draw_mr(
    rng: np.random.Generator, age: int, sex: str, discs: tuple[str, ...], prevalence: float
) -> list[Lesion]:
    years = np.clip((age - 20) / 45.0, 0.1, 1.4)
    # A heavy-tailed patient factor: most people have little, a few have much at several levels.
    burden = float(rng.gamma(0.9, 1.1)) * float(years) * prevalence
    lesions: list[Lesion] = []
    for disc in discs:
        wear = burden * WEAR[disc]
        canal = _stenosis_fraction(rng, STENOSIS_CHANCE["canal"], wear)
        lesions.append(Lesion("canal", disc, fraction=canal))
        for side in SIDES:
            for kind in ("foramen", "recess"):
                # A tight canal seldom leaves its recesses free.
                pull = 1.0 + 2.0 * canal if kind == "recess" else 1.0
                lost = _stenosis_fraction(rng, STENOSIS_CHANCE[kind], wear * pull)
                lesions.append(Lesion(kind, disc, side, fraction=lost))
        if rng.random() < min(0.7, 0.22 * wear):
            lesions.append(Lesion("disc", disc, fraction=float(rng.uniform(0.15, 0.8))))
        if rng.random() < min(0.7, 0.22 * wear):
            lesions.append(Lesion("osteophyte", disc, mm=float(rng.uniform(2.2, 8.0))))
        if rng.random() < min(0.15, 0.04 * wear):
            lesions.append(_draw_slip(rng, disc))
    if rng.random() < 0.05 * prevalence * float(years) * (1.6 if sex == "F" else 1.0):
        lesions.append(_draw_collapse(rng))
    return lesions


def _draw_slip(rng: np.random.Generator, disc: str) -> Lesion:
    subtype = str(
        rng.choice(("anterolisthesis", "retrolisthesis", "laterolisthesis"), p=(0.62, 0.2, 0.18))
    )
    if disc[0] == "C" and subtype == "laterolisthesis":
        subtype = "retrolisthesis"  # not seen in the neck as a degenerative finding
    side = SIDES[int(rng.integers(2))] if subtype == "laterolisthesis" else None
    high = 4.5 if disc[0] == "C" else 10.0 if subtype == "anterolisthesis" else 7.0
    return Lesion("slip", disc, side, mm=float(rng.uniform(3.2, high)), subtype=subtype)


def _draw_collapse(rng: np.random.Generator) -> Lesion:
    level = COLLAPSE_LEVELS[int(rng.choice(len(COLLAPSE_LEVELS), p=COLLAPSE_WEIGHTS))]
    subtype = str(rng.choice(("wedge", "crush", "biconcave"), p=(0.55, 0.22, 0.23)))
    return Lesion("collapse", level, fraction=float(rng.uniform(0.21, 0.6)), subtype=subtype)


def _draw_film(
    rng: np.random.Generator, age: int, sex: str, discs: tuple[str, ...], prevalence: float
) -> list[Lesion]:
    years = float(np.clip((age - 15) / 50.0, 0.3, 1.2))
    if rng.random() > min(0.95, 0.75 * prevalence * years):
        return []
    kinds = list(FILM_DISEASES)
    weights = np.array(list(FILM_DISEASES.values()))
    if discs[0][0] == "C":
        weights[kinds.index("collapse")] = 0.0
    count = 1 if rng.random() < 0.7 else 2
    chosen = rng.choice(len(kinds), size=count, replace=False, p=weights / weights.sum())
    lesions: list[Lesion] = []
    for index in sorted(int(value) for value in chosen):
        lesions += _draw_film_disease(rng, kinds[index], discs)
    return lesions


def _draw_film_disease(
    rng: np.random.Generator, kind: LesionKind, discs: tuple[str, ...]
) -> list[Lesion]:
    if kind == "collapse":
        return [_draw_collapse(rng)]
    wear = np.array([WEAR[disc] for disc in discs])
    count = 1 if kind in ("slip", "foramen") else int(rng.integers(1, 4))
    picked = rng.choice(len(discs), size=count, replace=False, p=wear / wear.sum())
    lesions: list[Lesion] = []
    for index in sorted(int(value) for value in picked):
        disc = discs[index]
        if kind == "slip":
            lesions.append(_draw_slip(rng, disc))
        elif kind == "disc":
            lesions.append(Lesion("disc", disc, fraction=float(rng.uniform(0.25, 0.85))))
        elif kind == "foramen":
            for side in SIDES:
                lost = float(rng.uniform(0.4, 0.9))
                lesions.append(Lesion("foramen", disc, side, fraction=lost))
        else:
            lesions.append(Lesion("osteophyte", disc, mm=float(rng.uniform(2.5, 9.0))))
            side = SIDES[int(rng.integers(2))]
            lesions.append(Lesion("osteophyte", disc, side, mm=float(rng.uniform(2.5, 9.0))))
    return lesions
