"""One ONNX model file: face crops in, points out. The file describes itself and checks itself.

    model = Model("ibug68.onnx")
    points, errors = model(crops)      # uint8 (B, S, S, 3) RGB -> float32 (B, N, 2), (B, N), both in crop pixels

The network has one input, ``crops``, and as outputs ``points``, ``errors`` (the expected distance of each point from
the truth) and, where it has a landmark graph, ``weights``. What else a user of the file must know is JSON under the
metadata key "facelattice":

    {"format": 1, "name": "ibug68", "version": "0.1.0", "scheme": {...}, "crop": {"size": 160, "margin": 1.3},
     "extra_views_below": 0.8, "normalization": "...", "detectors": {"yunet": {"offset": [x, y], "scale": s}},
     "graph": {"k": 3, "symmetric": false, "edges": [[0, 1, 0.98], ...], "shape": [[x, y], ...]},
     "data": [{"name": "...", "terms": "..."}], "license": "...", "recipe": {...}, "sha256": "64 hex digits"}

The digest is that of the whole file with its own 64 digits written as zeros: `seal` puts it in, opening checks it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from facelattice.exceptions import ModelError
from facelattice.onnx_session import find_provider, session_options
from facelattice.schemes import Scheme

FORMAT = 1
METADATA_KEY = "facelattice"

_DIGEST = re.compile(rb'("sha256": *")([0-9a-f]{64})"')
# What the processor runs at a time, in pixels of crops: with more, the maps leave its cache. On one thread 32 crops of
# ibug68 (256 px) take 20 ms each one by one, and 23 ms by fours; ibug68-fast (128 px) is quickest by fours.
_ON_PROCESSOR = 256 * 256


def digest(data: bytes) -> str:
    """SHA-256 of a model file's bytes, with the 64 digits of the digest inside it taken as zeros.

    Raises ModelError where the bytes do not hold exactly one place for a digest.
    """
    if len(_DIGEST.findall(data)) != 1:
        raise ModelError('a model file holds "sha256" with 64 hex digits exactly once')
    return hashlib.sha256(_DIGEST.sub(rb'\g<1>' + b"0" * 64 + b'"', data)).hexdigest()


def seal(data: bytes) -> bytes:
    """The bytes of a model file with the right digest written into the place kept for it."""
    return _DIGEST.sub(rb'\g<1>' + digest(data).encode() + b'"', data)


class Model:
    """A model file, ready to run on the CPU.

    path: where it was read from. info: its metadata, as above. name, scheme: what it is called and what its points
    mean. size, margin: crops are squares of ``size`` px whose side is ``margin`` times the landmark box. unsure: faces
    with a score below it are worth more looks, 0 for none.

    threads: how many to run on; None is as many as there are processors, up to 8. provider: what of ONNX Runtime runs
    it, "cpu", "cuda", "openvino" or "coreml".

    Raises ModelError for a file that is missing, cut short, damaged, newer than this program, or of another kind;
    ValueError for a provider that does not exist or is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None, provider: str = "cpu"):
        self.path = Path(path)
        providers = list(dict.fromkeys((find_provider(provider), find_provider("cpu"))))
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: cannot read the model file ({error.strerror})") from None
        # The metadata lie at the end of the file, so that one cut short states no digest, and does not parse either.
        stated = [digits.decode() for _, digits in _DIGEST.findall(data)]
        if stated and stated != [digest(data)]:
            raise ModelError(f"{path}: the model file is damaged, its SHA-256 is not the one it states; get it again")
        options = session_options(threads)
        options.log_severity_level = 4  # errors come as exceptions; the log would say them twice
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=providers)
        except Exception as error:  # ONNX Runtime's errors have no class in common
            raise ModelError(f"{path}: not an ONNX file, or one cut short; get it again ({_line(error)})") from None
        if self._session.get_providers()[0] != providers[0]:  # it would go on with the processor and only log why
            raise ValueError(
                f"the provider {provider!r} is installed but does not start; are its device, driver and libraries here?"
            )
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelError(f"{path}: an ONNX file of another program; `facelattice export` makes those that fit")
        if not stated:
            raise ModelError(f"{path}: the model file is damaged, it states no SHA-256; get it again")
        self._describe(text)
        self._at_a_time = max(1, _ON_PROCESSOR // self.crop_size**2) if provider == "cpu" else 10**9
        self._try()

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run crops, uint8 RGB (B, size, size, 3): points float32 (B, N, 2) and expected errors (B, N), crop pixels."""
        self._check(crops)
        if len(crops) == 0:
            return np.zeros((0, len(self.scheme), 2), np.float32), np.zeros((0, len(self.scheme)), np.float32)
        some = [crops[start : start + self._at_a_time] for start in range(0, len(crops), self._at_a_time)]
        parts = [self._session.run(["points", "expected_errors"], {"crops": part}) for part in some]
        points, errors = zip(*parts, strict=True)
        return np.concatenate(points), np.concatenate(errors)

    def edge_weights(self, crops: np.ndarray) -> np.ndarray:
        """How much each point listens to each other on these crops, float32 (B, N, N).

        Row i is what point i listens to, itself too; it is 1 in sum, and 0 where the graph has no edge (in a file that
        looks at the mirrored crop too: nor the mirror of one). Raises ModelError for a model without a landmark graph.
        """
        self._check(crops)
        if "edge_weights" not in {output.name for output in self._session.get_outputs()}:
            raise ModelError(f"{self.path}: this model has no graph (a fully connected head, or an older file)")
        n = len(self.scheme)
        if len(crops) == 0:
            return np.zeros((0, n, n), np.float32)
        (weights,) = self._session.run(["edge_weights"], {"crops": crops})
        return np.broadcast_to(weights, (len(crops), n, n))  # some kinds have the same for all images

    def _check(self, crops: np.ndarray) -> None:
        if crops.shape[1:] != (self.crop_size, self.crop_size, 3) or crops.dtype != np.uint8:
            raise ValueError(
                f"crops must be uint8 (B, {self.crop_size}, {self.crop_size}, 3), not {crops.dtype} {tuple(crops.shape)}"
            )

    def _describe(self, text: str) -> None:
        """Take the metadata in."""
        try:
            self.info: dict[str, Any] = json.loads(text)
            if self.info["format"] > FORMAT:
                raise ModelError(
                    f"{self.path}: a model file of format {self.info['format']}, and this program knows {FORMAT}; "
                    "run: pip install --upgrade facelattice"
                )
            self.name = str(self.info["name"])
            self.scheme = Scheme.from_dict(self.info["scheme"])
            self.crop_size, self.crop_margin = int(self.info["crop"]["size"]), float(self.info["crop"]["margin"])
            self.extra_views_below = float(self.info.get("extra_views_below", 0.0))  # older files do not say
        except ModelError:
            raise
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(f"{self.path}: the metadata of the model file are wrong: {error!r}") from None

    def _try(self) -> None:
        """Run two black crops: a graph that does not fit its metadata is found at the door, not amid the work."""
        try:
            points, errors = self(np.zeros((2, self.crop_size, self.crop_size, 3), np.uint8))
        except Exception as error:
            raise ModelError(
                f"{self.path}: the graph does not take crops uint8 (B, {self.crop_size}, {self.crop_size}, 3) to points "
                f"and errors as its metadata say ({_line(error)}); export it again"
            ) from None
        n = len(self.scheme)
        if points.shape != (2, n, 2) or errors.shape != (2, n):
            raise ModelError(
                f"{self.path}: the scheme {self.scheme.name!r} has {n} points, but for 2 crops the graph gives points "
                f"{points.shape} and errors {errors.shape}, not {(2, n, 2)} and {(2, n)}; export it again"
            )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
