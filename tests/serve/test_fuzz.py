"""Requests that break the OpenAPI description, and damaged images."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from PIL import Image

from facelattice.exceptions import ImageError
from facelattice.serve.decode import FORMATS, decode

pytestmark = pytest.mark.slow

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
WITH_PARAMETERS = {"/v1/align", "/v1/export", "/v1/video"}
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


def test_no_request_makes_the_server_fail(address):
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in MODES if operation.path in WITH_PARAMETERS else MODES[:1]:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
            def send(case):
                response = case.call(timeout=30)
                assert response.status_code < 500, f"{response.status_code} for {case.as_curl_command()}"
                tried.add((case.operation.path, response.status_code))

            send()
    assert {path for path, _ in tried} == WITH_PARAMETERS | {"/v1/models", "/healthz", "/metrics"}
    assert {(path, 422) for path in WITH_PARAMETERS} <= tried


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Change some bytes, in the header as often as in the rest; sometimes cut the data or repeat a part."""
    changed = bytearray(data)
    end = 64 if rng.random() < 0.5 else len(data)
    for at in rng.integers(0, end, rng.integers(1, 9)):
        changed[at] = rng.integers(256)
    kind = rng.random()
    if kind < 0.2:
        return bytes(changed[: rng.integers(1, len(changed))])
    if kind < 0.3:
        start, end = sorted(rng.integers(0, len(changed), 2))
        return bytes(changed[:end] + changed[start:])
    return bytes(changed)


def small_images() -> list[bytes]:
    """The example photo, small, in each format."""
    small = Image.open(PHOTO).resize((64, 48))
    images = []
    for format in FORMATS:
        file = io.BytesIO()
        small.save(file, format)
        images.append(file.getvalue())
    return images


def test_mutated_images_are_decoded_or_raise_image_error():
    rng, images, process = np.random.default_rng(0), small_images(), psutil.Process()
    decoded, memory = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd headers
        for i in range(10_000):
            with suppress(ImageError):
                decoded += decode(mutate(images[i % len(images)], rng)).dtype == np.uint8
            if i % 1000 == 999:
                memory.append(process.memory_info().rss / 2**20)
    assert 1000 < decoded < 9000  # the mutations are neither all harmless nor all fatal
    assert memory[-1] - memory[3] < 40, f"MiB after each thousand: {memory}"


def test_service_responds_to_mutated_images(address):
    rng, images = np.random.default_rng(1), small_images()
    statuses = set()
    with httpx.Client(timeout=30) as client:
        for i in range(300):
            content = mutate(images[i % len(images)], rng)
            response = client.post(f"{address}/v1/align?model=ibug68-fast", content=content)
            statuses.add(response.status_code)
            assert ("faces" if response.status_code == 200 else "detail") in response.json()
    assert statuses == {200, 422}
