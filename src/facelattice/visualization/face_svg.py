"""Drawings of faces as SVG, to be laid over their image or edited.

Example:
    text = faces_to_svg(image.shape, faces, style="mesh")
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np

from facelattice.face import Face, list_faces
from facelattice.visualization.face_marks import Color, FaceMarks, check_drawing, face_marks
from facelattice.visualization.faces import DARK, EDGE_OPACITY, FAINT_OPACITY, LINE_OPACITY


def faces_to_svg(
    shape: tuple[int, ...], faces: Iterable[Face] | Face, style: str = "lines", color: str = "error"
) -> str:
    """Draw faces as SVG on a transparent background, as `draw_faces` draws them.

    Each face is a group with the id face-0, face-1, ... Each point is a circle with the id face-0-point-30, and its
    name as title, which browsers show under the mouse.

    Args:
        shape: Height and width of the image.
        faces: The faces, or one face, in pixels of the image.
        style: As for `draw_faces`.
        color: As for `draw_faces`.

    Returns:
        The content of an SVG file, of the size of the image.

    Raises:
        ArgumentError: If ``style`` or ``color`` is unknown.
    """
    check_drawing(style, color)
    height, width = shape[:2]
    groups = []
    for number, face in enumerate(list_faces(faces)):
        marks = face_marks(face, style, color, 2.0 * max(height, width))
        if marks is not None:
            groups += [f'<g id="face-{number}">', *_elements(marks, face.scheme.names, f"face-{number}"), "</g>"]
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *groups, "</svg>"]) + "\n"


def _elements(marks: FaceMarks, names: Iterable[str], group: str) -> list[str]:
    points = marks.points + 0.5  # in SVG, the center of the first pixel is at 0.5
    elements = []
    if marks.has_edge:
        width, opacity = marks.line_width + 2, EDGE_OPACITY * LINE_OPACITY
        elements += [_line(points[[a, b]], DARK, width, opacity) for a, b in marks.lines]
    for line, color, is_faint in zip(marks.lines, marks.line_colors, marks.is_line_faint(), strict=True):
        opacity = FAINT_OPACITY if is_faint else LINE_OPACITY
        elements.append(_line(points[list(line)], color, marks.line_width, opacity))
    for i, name in enumerate(names):
        if np.isfinite(points[i]).all():
            elements.append(_point(points[i], marks, i, f"{group}-point-{i}", f"{i} {name}"))
    for label in marks.labels:
        x, y = label.center + 0.5
        place = f'x="{x:.2f}" y="{y:.2f}" font-size="{label.height / 0.7:.1f}"'  # capitals are 0.7 of the font size
        style = f'fill="{_hex(label.color)}" stroke="{_hex(DARK)}" stroke-width="2" paint-order="stroke"'
        align = 'font-family="sans-serif" text-anchor="middle" dominant-baseline="central"'
        elements.append(f"<text {place} {align} {style}>{_xml_text(label.text)}</text>")
    return elements


def _point(point: np.ndarray, marks: FaceMarks, i: int, identifier: str, title: str) -> str:
    color = _hex(marks.colors[i])
    if marks.is_hollow[i]:
        radius, look = marks.hollow_radius, f'fill="none" stroke="{color}" stroke-width="{marks.line_width}"'
    elif marks.has_edge:
        edge = 0.35 * marks.line_width
        radius, look = marks.radius + edge / 2, f'fill="{color}" stroke="{_hex(DARK)}" stroke-width="{edge:.2f}"'
    else:
        radius, look = marks.radius, f'fill="{color}"'
    faint = f' opacity="{FAINT_OPACITY}"' if marks.is_faint[i] else ""
    x, y = point
    place = f'cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}"'
    return f'<circle id="{identifier}" {place} {look}{faint}><title>{_xml_text(title)}</title></circle>'


def _line(ends: np.ndarray, color: Color, width: float, opacity: float) -> str:
    (x1, y1), (x2, y2) = ends
    place = f'x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}"'
    look = f'stroke="{_hex(color)}" stroke-width="{width}" stroke-opacity="{opacity:.2f}" stroke-linecap="round"'
    return f"<line {place} {look}/>"


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _xml_text(text: str) -> str:
    """Escape a text for XML, which cannot contain control characters."""
    return escape("".join(character if character >= " " else "?" for character in text))
