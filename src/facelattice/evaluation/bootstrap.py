"""How sure a difference is: the paired bootstrap over faces, and over training runs where there are several.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile intervals).
"""

from __future__ import annotations

import numpy as np

RESAMPLES = 10000


def bootstrap(a: np.ndarray, b: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """Mean of a - b with its 95 % interval: a (runs, M) and b (runs, M) are errors of the same M faces.

    The interval holds 95 % of 10000 resamples. Faces are drawn together for both, as they are the same; runs for each
    of its own, as another training would have had another seed.
    """
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(0, RESAMPLES, 1000):  # in parts: the drawn faces of all at once would fill the memory
        faces = _drawn(rng, a.shape[1])
        of_a, of_b = (np.einsum("rs,rs->r", _drawn(rng, len(x)), faces @ x.T) for x in (a, b))
        differences.append(of_a - of_b)
    low, high = np.percentile(np.concatenate(differences), [2.5, 97.5])
    return float(a.mean() - b.mean()), float(low), float(high)


def verdict(low: float, high: float, better: str = "better", worse: str = "worse") -> str:
    """What an interval of a difference of errors says: a tie where it holds 0."""
    return "tie" if low <= 0 <= high else better if high < 0 else worse


def _drawn(rng: np.random.Generator, count: int) -> np.ndarray:
    """(1000, count): which share each of ``count`` things has in 1000 draws of as many, with replacement."""
    return rng.multinomial(count, np.full(count, 1 / count), 1000) / count
