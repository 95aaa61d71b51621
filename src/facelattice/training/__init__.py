"""Training: from a recipe to checkpoints and a model file.

A recipe (`config`) gives data, graph and network (`prepare`); `trainer` writes checkpoints, and `onnx_export` the model
file. `initialize` copies weights of other models, `uncertainty` calibrates the expected errors, and `pseudo_labels`
labels images without annotations.
"""
