"""Measure landmark models on annotated faces: metrics by protocol, reports, comparisons, robustness and ablations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelattice.lazy import lazy_names

if TYPE_CHECKING:
    from facelattice.evaluation.background_auroc import face_background_auroc
    from facelattice.evaluation.compare import Comparison
    from facelattice.evaluation.evaluate import evaluate_predictions
    from facelattice.evaluation.html_report import write_report
    from facelattice.evaluation.predict import FacePrediction, Predictions, predict_samples
    from facelattice.evaluation.protocols import Protocol
    from facelattice.evaluation.result import EvaluationResult
    from facelattice.evaluation.robustness_curves import compute_curves, draw_curves
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Comparison": "compare",
            "EvaluationResult": "result",
            "FacePrediction": "predict",
            "Predictions": "predict",
            "Protocol": "protocols",
            "compute_curves": "robustness_curves",
            "draw_curves": "robustness_curves",
            "evaluate_predictions": "evaluate",
            "face_background_auroc": "background_auroc",
            "predict_samples": "predict",
            "write_report": "html_report",
        },
    )

__all__ = [
    "Comparison",
    "EvaluationResult",
    "FacePrediction",
    "Predictions",
    "Protocol",
    "compute_curves",
    "draw_curves",
    "evaluate_predictions",
    "face_background_auroc",
    "predict_samples",
    "write_report",
]
