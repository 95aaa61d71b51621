"""The plots of the documentation, drawn from results of benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from facelattice.evaluation.robustness_curves import curves_from_dict, draw_curves

Draw = Callable[[dict[str, Any], Path], None]


def draw_peers(result: dict[str, Any], folder: Path) -> None:
    """Draw the error of all programs over their time."""
    from peers import Row, draw

    limits = {faces["name"]: faces["protocol"]["threshold"] for faces in result["sets"]}
    draw(limits, [Row(**row) for row in result["rows"]], folder / "peers.svg")


def draw_annotation_loop(result: dict[str, Any], folder: Path) -> None:
    """Draw the corrections over the images."""
    from annotation_loop import draw_curve

    draw_curve(result, folder / "annotation_loop.svg")


def draw_video(result: dict[str, Any], folder: Path) -> None:
    """Draw the error of the nose tip over time."""
    from video import draw_nose_tip

    draw_nose_tip(result["nose_tip"], folder / "video.svg")


def draw_robustness(result: dict[str, Any], folder: Path) -> None:
    """Draw the curves of the ablation."""
    curves = curves_from_dict({**result["curves"], "points": result["rows"]})
    draw_curves(curves, folder / f"{result['benchmark'].replace('_', '-')}.png")


PLOTS: dict[str, Draw] = {
    "peers": draw_peers,
    "annotation_loop_12_points": draw_annotation_loop,
    "video": draw_video,
    "robustness_flatten": draw_robustness,
    "robustness_located": draw_robustness,
    "robustness_wflw": draw_robustness,
}
