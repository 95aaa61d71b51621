"""Protocols of the benchmarks: normalizing distance and failure threshold.

Example:
    protocol = choose_protocol(samples)    # the protocol of the dataset
    protocol = PROTOCOLS["300w-pupil"]     # by name

The same predictions have different metrics under different protocols, so every report names its protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from facelattice import metrics
from facelattice.datasets.sample import Sample
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme, get_scheme


@dataclass(frozen=True)
class Protocol:
    """The error measure of a benchmark.

    Attributes:
        name: Value of the option ``--protocol``.
        normalizer: Normalizing distance, see `metrics.normalizing_distance`.
        threshold: NME (a fraction) above which a face is a failure, and up to which the AUC is computed.
        source: Publication that defines the protocol.
        scheme: Scheme of the benchmark; None if the protocol is for any scheme.
        annotation_style: Name of the annotation style of the benchmark, see `Model`; None if it has none.
    """

    name: str
    normalizer: str
    threshold: float
    source: str
    scheme: str | None = None
    annotation_style: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.normalizer}, {100 * self.threshold:g} %)"


_EYES = {"inter-ocular": attrgetter("ocular"), "inter-pupil": attrgetter("pupils")}
_CUSTOM = "for data outside the benchmarks; the threshold is that of WFLW"

_300W = {"scheme": "ibug68", "annotation_style": "300-W"}
_300W_EYES = "Sagonas et al., ICCVW 2013; 8 % as in Kowalski et al., CVPRW 2017"

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("300w", "inter-ocular", 0.08, _300W_EYES, **_300W),
        Protocol("300w-pupil", "inter-pupil", 0.08, "Ren et al., CVPR 2014; 8 % as for inter-ocular", **_300W),
        Protocol(
            "300w-private", "box", 0.07, "Bulat and Tzimiropoulos, ICCV 2017; Kumar et al. (LUVLi), CVPR 2020", **_300W
        ),
        Protocol("wflw", "inter-ocular", 0.1, "Wu et al., CVPR 2018", "wflw98", "WFLW"),
        Protocol("cofw", "inter-ocular", 0.1, "Wu et al., CVPR 2018", "cofw29"),
        Protocol("cofw-pupil", "inter-pupil", 0.1, "Burgos-Artizzu et al., ICCV 2013", "cofw29"),
        Protocol("cofw68", "box", 0.07, "Kumar et al. (LUVLi), CVPR 2020", "ibug68"),
        Protocol(
            "aflw19",
            "diagonal",
            0.07,
            "Kumar et al. (LUVLi), CVPR 2020, for NME; 7 % is published for the box alone",
            "aflw19",
        ),
        Protocol("aflw19-box", "given box", 0.07, "Kumar et al. (LUVLi), CVPR 2020", "aflw19"),
        Protocol("inter-ocular", "inter-ocular", 0.1, _CUSTOM),
        Protocol("box", "box", 0.1, _CUSTOM),
    )
}


def choose_protocol(samples: Sequence[Sample], name: str | None = None) -> Protocol:
    """Return the protocol with a name, or the one that fits the dataset.

    Args:
        samples: Faces in the scheme of the dataset.
        name: A key of `PROTOCOLS`; None chooses the protocol of the benchmark that all samples belong to, and otherwise
            "inter-ocular" if the scheme defines the eye corners, else "box".

    Raises:
        DataError: If the protocol is unknown or does not apply to these samples.
    """
    scheme = samples[0].scheme
    if name is None:
        benchmarks = {sample.protocol for sample in samples}
        known = PROTOCOLS.get(benchmarks.pop()) if len(benchmarks) == 1 else None
        if known is not None and _fits(known, scheme):
            return known
        return PROTOCOLS["inter-ocular" if scheme.ocular else "box"]
    if name not in PROTOCOLS:
        raise DataError(f"unknown protocol {name!r}; choose one of {', '.join(PROTOCOLS)}")
    protocol = PROTOCOLS[name]
    if not _fits(protocol, scheme):
        fitting = ", ".join(other.name for other in PROTOCOLS.values() if _fits(other, scheme))
        raise DataError(
            f"protocol {protocol} does not fit the {len(scheme)} points of {scheme.name}; choose one of {fitting}"
        )
    if protocol.normalizer in ("given box", "diagonal") and any(sample.dataset_box is None for sample in samples):
        raise DataError(f"protocol {protocol}: needs face boxes of the dataset, and some faces have none")
    return protocol


def _fits(protocol: Protocol, scheme: Scheme) -> bool:
    """Return True if a scheme has the number of points of the protocol's benchmark, and the eyes that it needs."""
    if protocol.scheme is not None and len(get_scheme(protocol.scheme)) != len(scheme):
        return False
    return protocol.normalizer not in _EYES or _EYES[protocol.normalizer](scheme) is not None


def uses_box_fallback(sample: Sample, normalizer: str) -> bool:
    """Return True if the eyes of a face are not annotated, so that its box normalizes the errors."""
    if normalizer not in _EYES:
        return False
    distance = metrics.eye_distance(sample.points, _EYES[normalizer](sample.scheme), sample.mask)
    return not distance > 0
