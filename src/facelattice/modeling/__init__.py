"""The method of "Structure-Coherent Deep Feature Learning for Robust Face Alignment" (Lin et al., TIP 2021), in torch.

Read it in this order: `graph` (who may listen to whom), `embedding` (image -> node features), `relation` (how much
they listen, and the layers), `model` (all together), `losses`.
"""
