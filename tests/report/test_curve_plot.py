"""The plot of a curve: what stands where, and what is left out."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np

from spinebench.evaluation.curve_points import MEASURES, MeasuredCurve
from spinebench.evaluation.psychometric import Logistic, fit_curve
from spinebench.report.curve_plot import curve_svg, describe_curve
from spinebench.statistics import Interval


def measured(*, sees: bool = True) -> MeasuredCurve:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 9, 300)
    p = Logistic(4.0, 0.8, 0.02, 0.0).share_right(x, 0.2) if sees else np.full(300, 0.2)
    right = (rng.random(300) < p).astype(float)
    curve = fit_curve(x, right, np.full(300, 0.2), np.arange(300) % 75, seed=0, resamples=100)
    return MeasuredCurve(measure=MEASURES["slip"], unit="mm", curve=curve, left_out={})


def test_threshold_curve_and_dots_stand_where_they_belong() -> None:
    one = measured()
    estimate = one.curve.threshold.estimate
    assert estimate is not None
    svg = curve_svg(one, key="k", title="slip & <model>")
    root = ElementTree.fromstring(svg)
    assert "slip &amp; &lt;model&gt;" in svg
    assert root.get("aria-labelledby") == "k-title k-desc"
    dots = root.findall("circle")
    assert len(dots) == 6
    heights = [float(dot.get("cy")) for dot in dots]  # type: ignore[arg-type]
    assert heights[0] > heights[-1]  # better on larger lesions: higher up
    (line,) = root.findall("polyline")
    points = [tuple(map(float, p.split(","))) for p in (line.get("points") or "").split()]
    assert len(points) == 120
    uprights = [e for e in root.findall("line") if e.get("x1") == e.get("x2")]
    (threshold,) = [e for e in uprights if e.get("class") == "reference"]
    at = float(threshold.get("x1"))  # type: ignore[arg-type]
    # the line crosses halfway between guessing and its end where the upright stands
    fit = one.curve.fit
    assert fit is not None
    middle = 0.2 + (0.8 - fit.lapse) / 2
    y = np.interp(at, [p[0] for p in points], [p[1] for p in points])
    assert abs(y - (226 - middle * 196)) < 1
    assert f"threshold {estimate:.1f} mm" in svg
    assert "slip, mm" in svg


def test_words_say_the_interval_and_open_ends() -> None:
    one = measured()
    curve = replace(one.curve, threshold=Interval(4.04, 3.51, None))
    words = describe_curve(replace(one, curve=curve))
    assert words == (
        "Threshold 4.0 mm (95 % interval by patient 3.5 mm to above all sizes shown), halfway"
        " between guessing and the upper end; 300 answers about 75 patients."
    )
    share = replace(one, unit="share", curve=replace(curve, threshold=Interval(0.42, None, 0.5)))
    assert "Threshold 42 % (95 % interval by patient below all sizes shown to 50 %)" in (
        describe_curve(share)
    )


def test_without_a_threshold_the_dots_stand_alone() -> None:
    one = measured(sees=False)
    assert one.curve.reason is not None
    svg = curve_svg(one, key="k", title="t")
    assert "<polyline" not in svg
    assert len(re.findall("<circle", svg)) == 6
    assert "No threshold: accuracy does not rise with size" in svg


def test_nothing_without_an_answer_and_the_same_bytes_again() -> None:
    empty = MeasuredCurve(
        measure=MEASURES["slip"], unit="mm", curve=fit_curve([], [], [], [], seed=0), left_out={}
    )
    assert curve_svg(empty, key="k", title="t") == ""
    assert curve_svg(measured(), key="k", title="t") == curve_svg(measured(), key="k", title="t")
