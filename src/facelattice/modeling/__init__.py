"""The method of "Structure-Coherent Deep Feature Learning for Robust Face Alignment" (Lin et al., TIP 2021), in torch.

Read the files in the paper's order: `config`, `landmark_graph`, `node_embedding` (with `located_embedding`, which is
ours), `edge_weights`, `graph_layers`, `sdfl`, `losses`. `uncertainty` predicts the expected errors; `backbone` wraps
timm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelattice.lazy import lazy_names

if TYPE_CHECKING:
    from facelattice.modeling.config import LossConfig, SDFLConfig
    from facelattice.modeling.landmark_graph import adjacency, correlation, laplacian, normalize_shapes
    from facelattice.modeling.losses import soft_wing, wing
    from facelattice.modeling.sdfl import SDFL, Prediction
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "SDFL": "sdfl",
            "LossConfig": "config",
            "Prediction": "sdfl",
            "SDFLConfig": "config",
            "adjacency": "landmark_graph",
            "correlation": "landmark_graph",
            "laplacian": "landmark_graph",
            "normalize_shapes": "landmark_graph",
            "soft_wing": "losses",
            "wing": "losses",
        },
    )

__all__ = [
    "SDFL",
    "LossConfig",
    "Prediction",
    "SDFLConfig",
    "adjacency",
    "correlation",
    "laplacian",
    "normalize_shapes",
    "soft_wing",
    "wing",
]
