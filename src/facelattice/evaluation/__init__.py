"""How good the points are: `metrics` are the field's formulas, `report` measures a model file on annotated faces."""
