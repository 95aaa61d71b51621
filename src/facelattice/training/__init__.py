"""From a recipe to a model file: `recipe`, `prepare` (faces, graph, network), `fit`, `checkpoint`, `export`."""
