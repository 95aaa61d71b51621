"""The service against its own OpenAPI, with requests that nobody would send."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, given, settings

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
