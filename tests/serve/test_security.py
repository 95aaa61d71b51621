"""Access control and security headers."""

from __future__ import annotations

import pytest
from prometheus_client import Counter
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from facelattice.exceptions import ArgumentError
from facelattice.serve.app import create_service
from facelattice.serve.security import SecurityMiddleware
from facelattice.serve.settings import Settings


def make_client(token: str | None) -> TestClient:
    """A client of an application that answers each allowed request with status 200."""
    counter = Counter("requests", "Requests.", ["path", "status"], registry=None)
    return TestClient(SecurityMiddleware(PlainTextResponse("allowed"), token, counter), "http://127.0.0.1")


@pytest.fixture
def client() -> TestClient:
    return make_client(None)


def test_responses_have_security_headers():
    for client, status in ((make_client(None), 200), (make_client("secret"), 401)):
        response = client.get("/metrics")
        assert response.status_code == status
        assert response.headers["x-content-type-options"] == "nosniff"
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy


def test_token_is_required():
    client = make_client("secret")
    for authorization in (None, "Bearer wrong", "secret-ish", "secret", "Bearer", "Bearer secret2", "Basic secret"):
        headers = {} if authorization is None else {"Authorization": authorization}
        for method, path in (("POST", "/v1/align"), ("GET", "/metrics"), ("GET", "/v1/models")):
            assert client.request(method, path, headers=headers).status_code == 401
    for scheme in ("Bearer", "bearer"):  # RFC 9110: the scheme is case-insensitive
        assert client.post("/v1/align", headers={"Authorization": f"{scheme} secret"}).status_code == 200


def test_page_documentation_and_health_need_no_token():
    client = make_client("secret")
    for path in ("/", "/app.js", "/docs", "/docs/files/swagger-ui.css", "/openapi.json", "/healthz"):
        assert client.get(path).status_code == 200


def test_token_may_contain_any_characters():
    client = make_client("sécret")
    assert client.get("/metrics", headers={"Authorization": b"Bearer s\xe9"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer sécret".encode()}).status_code == 200


@pytest.mark.parametrize("token", ["", " ", "\n", " secret", "secret\n"])
def test_blank_token_is_rejected(token):
    with pytest.raises(ArgumentError, match="the token must not be empty"):
        Settings(token=token)


def test_documentation_says_which_routes_need_the_token():
    client = TestClient(create_service(Settings(token="secret")))  # without its workers
    api = client.get("/openapi.json").json()
    assert api["components"]["securitySchemes"]
    security = {path: methods.popitem()[1].get("security") for path, methods in api["paths"].items()}
    assert security["/healthz"] is None
    assert security["/v1/align"] == security["/v1/models"] == security["/metrics"] == [{"HTTPBearer": []}]


@pytest.mark.parametrize("host", ["127.0.0.1.evil.example", "", "10.0.0.1:8000", "localhost.evil.example:80"])
def test_other_host_name_is_rejected_without_a_token(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8000", "LocalHost", "127.0.0.1", "[::1]:8000", "[::1]", "127.0.0.2:8000"])
def test_loopback_host_is_allowed_without_a_token(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9000"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_pages_of_other_hosts_may_link_but_not_post(client, headers):
    assert client.get("/", headers=headers).status_code == 200
    assert client.post("/v1/align", headers=headers).status_code == 403


def test_own_page_may_post(client):
    assert client.post("/v1/align", headers={"Origin": "http://127.0.0.1"}).status_code == 200


def test_failing_application_gives_status_500():
    async def fail(scope, receive, send):
        raise RuntimeError("a bug")

    counter = Counter("requests", "Requests.", ["path", "status"], registry=None)
    response = TestClient(SecurityMiddleware(fail, None, counter), "http://127.0.0.1").get("/")
    assert (response.status_code, response.json()) == (500, {"detail": "the server failed"})
    assert response.headers["x-frame-options"] == "DENY"
