"""Run a landmark model on images: ONNX session and model file, predictor, aligner, many images in parallel."""
