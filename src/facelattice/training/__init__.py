"""Training: from a recipe (`config`) to data, graph and network (`prepare`), checkpoints (`trainer`) and a model file (`onnx_export`)."""
