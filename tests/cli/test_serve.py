from __future__ import annotations

import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def test_public_address_requires_a_token(run, monkeypatch):
    monkeypatch.delenv("FACELATTICE_TOKEN", raising=False)
    for host in ("0.0.0.0", "::", "example.org"):
        status, _, err = run("serve", "--host", host)
        assert status == 2
        assert "give --token-file" in " ".join(err.replace("│", " ").split())


def test_token_file_must_be_text(run, tmp_path):
    (tmp_path / "token.bin").write_bytes(b"\xff\xfe\x00")
    status, _, err = run("serve", "--token-file", tmp_path / "token.bin")
    assert (status, "is not text" in err) == (2, True)


@pytest.mark.parametrize("token", ["", " ", "secret\n"])
def test_blank_token_is_rejected(run, monkeypatch, tmp_path, token):
    (tmp_path / "token.txt").write_text(token.replace("secret", " "), encoding="utf-8")
    for arguments in (("--token", token), ("--token-file", tmp_path / "token.txt"), ()):
        if not arguments:
            monkeypatch.setenv("FACELATTICE_TOKEN", token)
        status, _, err = run("serve", *arguments)
        assert status == 2
        message = "an argument is empty" if "" in arguments else "the token must not be empty"
        assert message in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--timeout", "inf"), "less than or equal to"),
        (("--max-body-mb", "inf"), "less than or equal to"),
        (("--token-file", "missing.txt"), "missing.txt: No such file or directory"),
        (("--host", "203.0.113.9", "--token", "secret"), "cannot listen on 203.0.113.9, port 8000: Cannot assign"),
        (("--port", "PORT"), "is in use; give another --port, 0 for a free one"),
    ],
)
def test_wrong_options_are_explained(run, arguments, words):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = [str(taken.getsockname()[1]) if one == "PORT" else one for one in arguments]
        status, _, err = run("serve", *arguments)
    assert status == 2
    assert words in " ".join(err.replace("│", " ").split())


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_ctrl_c_completes_requests_in_progress(start_program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "facelattice", "serve", "--port", "0", "--workers", "1"]
    with start_program(*command) as (server, address):
        for _ in range(200):  # the address is printed before the workers have started
            try:
                assert httpx.get(f"{address}/healthz", timeout=60).status_code == 200
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        ask = partial(httpx.post, f"{address}/v1/align", content=PHOTO.read_bytes(), timeout=60)
        assert len(ask().json()["faces"]) == 1
        with ThreadPoolExecutor() as pool:
            asked = [pool.submit(ask) for _ in range(6)]
            while not any(one.done() for one in asked):
                if "facelattice_waiting 0.0" not in httpx.get(f"{address}/metrics", timeout=60).text:
                    break
            server.send_signal(signal.SIGINT)
            answers = [one.result() for one in asked if one.exception() is None]
        assert answers
        assert all(len(answer.json()["faces"]) == 1 for answer in answers)
        server.wait(20)
        assert "Traceback" not in server.stderr.read()
    assert list(tmp_path.iterdir()) == []  # nothing was written
