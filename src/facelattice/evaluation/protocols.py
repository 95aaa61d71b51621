"""How each benchmark is measured, as data: what errors are divided by, and from which NME on a face is a failure.

    protocol = choose(samples)             # by what the data set is
    protocol = PROTOCOLS["300w-pupil"]     # or by name

The same points give other figures by another protocol, so one stands beside every number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from facelattice import metrics
from facelattice.datasets.sample import Sample
from facelattice.exceptions import DataError


@dataclass(frozen=True)
class Protocol:
    """name: what --protocol takes. normalizer: as `metrics.normalizing_distance` knows it. threshold: the NME, a share, over which
    a face is a failure and up to which the AUC goes. source: who measures so."""

    name: str
    normalizer: str
    threshold: float
    source: str

    def __str__(self) -> str:
        return f"{self.name} ({self.normalizer}, {100 * self.threshold:g} %)"


_EYES = {"inter-ocular": attrgetter("ocular"), "inter-pupil": attrgetter("pupils")}
_CUSTOM = "for data that are no benchmark; the threshold is that of WFLW"

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("300w", "inter-ocular", 0.08, "Sagonas et al., ICCVW 2013; 8 % as in Kowalski et al., CVPRW 2017"),
        Protocol("300w-pupil", "inter-pupil", 0.08, "Ren et al., CVPR 2014; 8 % as for inter-ocular"),
        Protocol("300w-private", "box", 0.07, "Bulat and Tzimiropoulos, ICCV 2017; Kumar et al. (LUVLi), CVPR 2020"),
        Protocol("wflw", "inter-ocular", 0.1, "Wu et al., CVPR 2018"),
        Protocol("cofw", "inter-ocular", 0.1, "Wu et al., CVPR 2018"),
        Protocol("cofw-pupil", "inter-pupil", 0.1, "Burgos-Artizzu et al., ICCV 2013"),
        Protocol("cofw68", "box", 0.07, "Kumar et al. (LUVLi), CVPR 2020"),
        Protocol(
            "aflw19", "diagonal", 0.07, "Kumar et al. (LUVLi), CVPR 2020, for NME; 7 % is published for the box alone"
        ),
        Protocol("aflw19-box", "given box", 0.07, "Kumar et al. (LUVLi), CVPR 2020"),
        Protocol("inter-ocular", "inter-ocular", 0.1, _CUSTOM),
        Protocol("box", "box", 0.1, _CUSTOM),
    )
}


def choose(samples: Sequence[Sample], name: str | None = None) -> Protocol:
    """The protocol of that name, else that of the benchmark that all samples are of, else inter-ocular or box.

    samples: as the data set has them, in its own scheme. Raises DataError for an unknown name, and for one that these
    samples cannot be measured by.
    """
    scheme = samples[0].scheme
    if name is None:
        benchmarks = {sample.benchmark for sample in samples}
        known = PROTOCOLS.get(benchmarks.pop()) if len(benchmarks) == 1 else None
        return known or PROTOCOLS["inter-ocular" if scheme.ocular else "box"]
    if name not in PROTOCOLS:
        raise DataError(f"unknown protocol {name!r}; known are {', '.join(PROTOCOLS)}")
    protocol = PROTOCOLS[name]
    if protocol.normalizer in _EYES and _EYES[protocol.normalizer](scheme) is None:
        raise DataError(f"protocol {protocol}: the scheme {scheme.name} does not say which points these are")
    if protocol.normalizer in ("given box", "diagonal") and any(sample.dataset_box is None for sample in samples):
        raise DataError(f"protocol {protocol}: it divides by the data set's own boxes, and these faces come without")
    return protocol


def stands_in(sample: Sample, normalizer: str) -> bool:
    """True where the eyes of this face are not annotated, so that its errors are divided by the box instead."""
    if normalizer not in _EYES:
        return False
    distance = metrics.eye_distance(sample.points, _EYES[normalizer](sample.scheme), sample.mask)
    return not distance > 0
