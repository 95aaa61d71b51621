"""Drawings of faces, point schemes, landmark graphs and edge weights.

Example:
    save_image("faces.jpg", draw_faces(image, faces))
    save_image("scheme.png", draw_scheme(get_scheme("wflw98")))
    draw_landmark_graph(LandmarkGraph.from_model(model), "graph.svg")
    draw_edge_weights(explain_point(model, image, face, point=8), "edge_weights.png")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelattice.lazy import lazy_names

if TYPE_CHECKING:
    from facelattice.visualization.edge_weights import EdgeWeightExplanation, draw_edge_weights, explain_point
    from facelattice.visualization.face_svg import faces_to_svg
    from facelattice.visualization.faces import draw_faces, draw_overlay
    from facelattice.visualization.figures import figure_format, save_figure
    from facelattice.visualization.landmark_graph import LandmarkGraph, draw_landmark_graph
    from facelattice.visualization.scheme_chart import draw_scheme
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "EdgeWeightExplanation": "edge_weights",
            "LandmarkGraph": "landmark_graph",
            "draw_edge_weights": "edge_weights",
            "draw_faces": "faces",
            "draw_landmark_graph": "landmark_graph",
            "draw_overlay": "faces",
            "draw_scheme": "scheme_chart",
            "explain_point": "edge_weights",
            "faces_to_svg": "face_svg",
            "figure_format": "figures",
            "save_figure": "figures",
        },
    )

__all__ = [
    "EdgeWeightExplanation",
    "LandmarkGraph",
    "draw_edge_weights",
    "draw_faces",
    "draw_landmark_graph",
    "draw_overlay",
    "draw_scheme",
    "explain_point",
    "faces_to_svg",
    "figure_format",
    "save_figure",
]
