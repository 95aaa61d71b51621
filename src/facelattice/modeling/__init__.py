"""The method of "Structure-Coherent Deep Feature Learning for Robust Face Alignment" (Lin et al., TIP 2021), in torch.

Read the files in the paper's order: `config`, `landmark_graph`, `node_embedding` (with `located_embedding`, which is
ours), `edge_weights`, `graph_layers`, `sdfl`, `losses`. `uncertainty` predicts the expected errors; `backbone` wraps
timm.
"""
