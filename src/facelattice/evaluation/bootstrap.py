"""Paired bootstrap: the confidence interval of a difference between two programs or recipes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NUM_RESAMPLES = 10000
_CHUNK = 1000  # resamples drawn at a time, to limit memory


class Difference(NamedTuple):
    """Difference of two mean errors with its 95 % interval."""

    mean: float
    low: float
    high: float

    def verdict(self, better: str = "better", worse: str = "worse") -> str:
        """Return "tie" if the interval contains 0, otherwise ``better`` if a has the smaller errors."""
        return "tie" if self.low <= 0 <= self.high else better if self.high < 0 else worse


def paired_bootstrap(a: np.ndarray, b: np.ndarray, seed: int = 0) -> Difference:
    """Estimate the difference of the mean errors of a and b on the same faces.

    Each of the 10000 resamples draws faces with replacement, the same faces for a and b, and draws training runs of a
    and of b independently.

    Args:
        a: (R, M) errors of M faces in R training runs; R is 1 for a single model.
        b: (S, M) errors of the same M faces.
        seed: Seed of the resampling.

    Returns:
        The mean of a - b and the percentile interval that contains 95 % of the resamples.

    Source:
        Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(0, NUM_RESAMPLES, _CHUNK):
        faces = _draw(rng, a.shape[1])  # (chunk, M)
        # (chunk, R) weights of the runs times (chunk, R) means over the drawn faces
        mean_a, mean_b = (np.einsum("cr,cr->c", _draw(rng, len(x)), faces @ x.T) for x in (a, b))
        differences.append(mean_a - mean_b)
    low, high = np.percentile(np.concatenate(differences), [2.5, 97.5])
    return Difference(float(a.mean() - b.mean()), float(low), float(high))


def _draw(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return the weights (_CHUNK, count) of ``count`` items, each row drawn with replacement."""
    return rng.multinomial(count, np.full(count, 1 / count), _CHUNK) / count
