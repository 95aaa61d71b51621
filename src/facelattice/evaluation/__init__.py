"""Measure landmark models on annotated faces: metrics by protocol, reports, comparisons, robustness and ablations."""
