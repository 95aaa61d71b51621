"""The service against its own OpenAPI, with requests that nobody would send, and with damaged images."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import psutil
import schemathesis
from hypothesis import HealthCheck, given, settings
from PIL import Image

from facelattice.exceptions import ImageError
from facelattice.serve.decode import KINDS, decode

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


def test_no_request_is_an_error_of_the_server(address):
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in MODES if operation.path == "/v1/align" else MODES[:1]:  # the others take nothing that can be wrong

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
            def ask(case):
                answer = case.call(timeout=30)
                assert answer.status_code < 500, f"{answer.status_code} for {case.as_curl_command()}"
                tried.add((case.operation.path, answer.status_code))

            ask()
    assert {path for path, _ in tried} == {"/v1/align", "/v1/models", "/healthz", "/metrics"}
    assert ("/v1/align", 422) in tried


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, in the header as often as in the rest; sometimes cut short, or with a piece twice."""
    changed = bytearray(data)
    most = 64 if rng.random() < 0.5 else len(data)
    for at in rng.integers(0, most, rng.integers(1, 9)):
        changed[at] = rng.integers(256)
    kind = rng.random()
    if kind < 0.2:
        return bytes(changed[: rng.integers(1, len(changed))])
    if kind < 0.3:
        start, end = sorted(rng.integers(0, len(changed), 2))
        return bytes(changed[:end] + changed[start:])
    return bytes(changed)


def small_images() -> list[bytes]:
    """The example photo, small, as each kind that is taken."""
    small = Image.open(PHOTO).resize((64, 48))
    images = []
    for kind in KINDS:
        file = io.BytesIO()
        small.save(file, kind)
        images.append(file.getvalue())
    return images


def test_ten_thousand_mutated_images_are_images_or_errors_with_words():
    rng, images, process = np.random.default_rng(0), small_images(), psutil.Process()
    decoded, memory = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd headers
        for i in range(10_000):
            with suppress(ImageError):  # and nothing else
                decoded += decode(mutated(images[i % len(images)], rng)).dtype == np.uint8
            if i % 1000 == 999:
                memory.append(process.memory_info().rss / 2**20)
    assert 1000 < decoded < 9000  # neither all harmless nor all hopeless
    assert memory[-1] - memory[3] < 40, f"MiB after each thousand: {memory}"


def test_the_service_answers_mutated_images_in_words(address):
    rng, images = np.random.default_rng(1), small_images()
    statuses = set()
    with httpx.Client(timeout=30) as client:
        for i in range(300):
            answer = client.post(f"{address}/v1/align", content=mutated(images[i % len(images)], rng))
            statuses.add(answer.status_code)
            assert ("faces" if answer.status_code == 200 else "detail") in answer.json()
    assert statuses == {200, 422}
