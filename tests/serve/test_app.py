"""The service over HTTP, with real workers."""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image

from facelattice.formats.csv import read_csv
from facelattice.inference.aligner import FaceAligner
from facelattice.serve.app import Settings, create_service
from facelattice.serve.decode import decode
from facelattice.serve.worker_pool import Answer, Busy, Crashed, Failed, Job, Slow, Workers, _Process, _work

PHOTO = (Path(__file__).parents[2] / "examples" / "astronaut.jpg").read_bytes()
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def client():
    with TestClient(create_service(Settings(workers=2, most_bytes=2_000_000)), "http://127.0.0.1") as client:
        yield client


@pytest.fixture(scope="module")
def face():
    (face,) = FaceAligner()(Path(__file__).parents[2] / "examples" / "astronaut.jpg")
    return face


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that says it is of that size, with that little in it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def test_a_photo_as_body_or_as_form(client, face):
    for answer in (
        client.post("/v1/align", content=PHOTO, headers=JPEG),
        client.post("/v1/align", content=PHOTO),  # what it is is seen, not told
        client.post("/v1/align", files={"file": ("whatever.txt", PHOTO, "text/plain")}),
    ):
        assert answer.status_code == 200
        (found,) = answer.json()["faces"]
        np.testing.assert_allclose(found["points"], face.points, atol=0.5)  # another JPEG decoder
        assert answer.json()["model"] == "ibug68"


def test_whom_each_point_listens_to(client):
    answer = client.post("/v1/align?listening=true", content=PHOTO).json()
    (found,) = answer["faces"]
    total = np.zeros(68)
    for listener, _, weight in found["listening"]:
        total[listener] += weight
    np.testing.assert_allclose(total, 1, atol=0.01)
    assert "listening" not in client.post("/v1/align", content=PHOTO).json()["faces"][0]
    assert answer["milliseconds"]["find"] > answer["milliseconds"]["decode"] > 0


def test_the_formats(client, face):
    pts = client.post("/v1/align?format=pts", content=PHOTO)
    assert pts.text.startswith("version: 1\nn_points: 68\n{\n")
    x, y = map(float, pts.text.splitlines()[3].split())
    np.testing.assert_allclose([x - 1, y - 1], face.points[0], atol=0.5)
    header, row = client.post("/v1/align?format=csv", content=PHOTO).text.splitlines()
    assert header.startswith("image,face,score,x0,y0")
    np.testing.assert_allclose(float(row.split(",")[3]), face.points[0, 0], atol=0.5)
    assert client.post("/v1/align?min_score=0.99", content=PHOTO).json()["faces"] == []
    assert client.post("/v1/align?min_score=0.99&format=pts", content=PHOTO).status_code == 404


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"", 422, "holds no image"),
        (b"<html>", 422, "not an image of a kind"),
        (PHOTO[:3000], 422, "cut short or damaged"),
        (PHOTO[:20], 422, "not an image of a kind"),
        (png(8000, 8000), 422, "8000 x 8000 px are too many"),
        (png(60_000, 60_000), 422, "too many pixels"),
        (png(5000, 5000), 422, "cut short or damaged"),
        (b"\0" * 3_000_000, 413, "larger than 2 MB"),
    ],
)
def test_bad_images(client, content, status, message):
    answer = client.post("/v1/align", content=content)
    assert answer.status_code == status
    assert message in answer.json()["detail"]


def test_of_a_moving_image_the_first_frame():
    frames = [Image.fromarray(np.full((40, 40, 3), i % 250, np.uint8)) for i in range(300)]
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    assert decode(data.getvalue()).shape == (40, 40, 3)
    assert decode(data.getvalue()).max() == 0


def test_a_image_taken_upright_by_its_exif():
    wide = Image.fromarray(np.zeros((20, 40, 3), np.uint8))
    exif = Image.Exif()
    exif[274] = 6
    data = io.BytesIO()
    wide.save(data, "JPEG", exif=exif)
    assert decode(data.getvalue()).shape == (40, 20, 3)


@pytest.mark.parametrize(
    ("query", "status"),
    [("model=gone", 422), ("min_score=2", 422), ("max_faces=0", 422), ("format=xls", 422), ("max_faces=many", 422)],
)
def test_wrong_parameters(client, query, status):
    assert client.post(f"/v1/align?{query}", content=PHOTO).status_code == status


def test_wrong_forms(client):
    assert client.post("/v1/align", files={}, data={"a": "b"}).status_code in (400, 422)
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post("/v1/align", content=b"--x\r\nnonsense", headers=form).status_code == 400
    nothing = client.post("/v1/align", content=b"", headers={"Content-Type": "multipart/form-data"})
    assert nothing.status_code == 400


def test_parameters_in_a_form_are_not_passed_over_in_silence(client):
    answer = client.post("/v1/align", files={"file": PHOTO}, data={"min_score": "0.99", "model": "wflw98"})
    assert (answer.status_code, answer.json()["detail"]) == (
        400, "give min_score, model in the address, not in the form: /v1/align?min_score=..."
    )  # fmt: skip
    assert client.post("/v1/align", files={"file": PHOTO}, data={"note": "mine"}).status_code == 200


def test_the_path_of_images_is_there_whatever_it_is_asked(client):
    for verb in ("GET", "HEAD"):
        answer = client.request(verb, "/v1/align")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert client.put("/v1/align").status_code == 405


def test_images_and_forms_with_odd_bytes_leave_no_trace_in_the_log(start):
    odd = Image.open(io.BytesIO(PHOTO)).resize((64, 64)).quantize(16)
    data = io.BytesIO()
    odd.save(data, "PNG", transparency=bytes(16))  # Pillow warns of it
    with start() as (server, address):
        http = httpx.Client(transport=httpx.HTTPTransport(retries=10), timeout=60)
        assert http.post(f"{address}/v1/align", content=data.getvalue()).status_code == 200
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        assert http.post(f"{address}/v1/align", content=b"--\xff secret", headers=form).status_code == 400
        server.send_signal(signal.SIGTERM)
        server.wait(20)
        assert server.stderr.read() == ""


def test_models_health_metrics_and_documentation(client):
    assert any(model["name"] == "ibug68" and model["points"] == 68 for model in client.get("/v1/models").json())
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.head("/healthz").status_code == 200  # as `wget --spider` asks
    client.post("/v1/align", content=PHOTO)
    counts = client.get("/metrics").text
    assert 'facelattice_requests_total{path="/v1/align",status="200"}' in counts
    assert "facelattice_faces_total" in counts
    page = client.get("/docs").text
    assert "http" not in page.replace("http-equiv", "")  # nothing of other hosts
    for file in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert client.get(f"/docs/files/{file}").status_code == 200
    assert client.get("/openapi.json").json()["paths"]["/v1/align"]["post"]["requestBody"]["required"]


def test_every_answer_has_the_headers_of_a_careful_server(client):
    for path in ("/healthz", "/v1/models", "/nothing", "/docs"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in headers["content-security-policy"]


def test_a_token(face):
    with TestClient(create_service(Settings(token="secret", workers=1))) as client:
        assert client.get("/healthz").status_code == 200
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "secret-ish"},
            {"Authorization": "secret"},
        ):
            assert client.post("/v1/align", content=PHOTO, headers=headers).status_code == 401
            assert client.get("/metrics", headers=headers).status_code == 401
        for scheme in ("Bearer", "bearer"):  # its case says nothing, as RFC 9110 has it
            headers = {"Authorization": f"{scheme} secret"}
            assert client.post("/v1/align", content=PHOTO, headers=headers).status_code == 200


def test_a_token_that_is_not_ascii_is_wrong_and_no_fault_of_the_server():
    with TestClient(create_service(Settings(token="sécret", workers=1))) as client:
        for token in (b"s\xe9", "sécret ".encode()):
            assert client.get("/metrics", headers={"Authorization": b"Bearer " + token}).status_code == 401
        assert client.get("/docs").status_code == client.get("/docs/files/swagger-ui.css").status_code == 200
        interface = client.get("/openapi.json").json()
        assert interface["components"]["securitySchemes"]
        wanted = {path: verbs.popitem()[1].get("security") for path, verbs in interface["paths"].items()}
        assert wanted["/healthz"] is None
        assert wanted["/v1/align"] == wanted["/v1/models"] == wanted["/metrics"] == [{"HTTPBearer": []}]


def test_without_a_token_pages_of_other_hosts_may_not_ask(client):
    assert client.post("/v1/align", content=PHOTO, headers={"Host": "evil.example"}).status_code == 421
    assert client.post("/v1/align", content=PHOTO, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    for host in ("127.0.0.1.evil.example", "", "10.0.0.1:8000", "localhost.evil.example:80"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 421
    for host in ("localhost:8000", "LocalHost", "127.0.0.1", "[::1]:8000", "[::1]", "127.0.0.2:8000"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_pages_of_other_hosts_may_link_here_but_not_send(client):
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9000"):
        assert client.post("/v1/align", content=PHOTO, headers={"Origin": origin}).status_code == 403
    assert client.post("/v1/align", content=PHOTO, headers={"Origin": "http://127.0.0.1"}).status_code == 200


def test_a_body_without_a_length_is_limited_too(client):
    answer = client.post("/v1/align", content=(b"0" * 100_000 for _ in range(30)))
    assert (answer.status_code, answer.json()["detail"]) == (413, "the body is larger than 2 MB")


def test_a_form_gives_the_table_its_name(client, tmp_path):
    answer = client.post("/v1/align?format=csv", files={"file": ("me, too.jpg", PHOTO)})
    (tmp_path / "form.csv").write_text(answer.text)
    (tmp_path / "body.csv").write_text(client.post("/v1/align?format=csv", content=PHOTO).text)
    assert [read_csv(tmp_path / name)[0][0] for name in ("form.csv", "body.csv")] == ["me, too.jpg", "image"]


def test_one_face_is_the_best_of_all(client):
    photo = Image.open(io.BytesIO(PHOTO)).convert("RGB")
    both = Image.new("RGB", (2 * photo.width, photo.height))
    both.paste(photo)
    both.paste(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(15), (photo.width, 0))
    data = io.BytesIO()
    both.save(data, "PNG")
    best, *others = client.post("/v1/align", content=data.getvalue()).json()["faces"]
    assert others
    assert client.post("/v1/align?max_faces=1", content=data.getvalue()).json()["faces"] == [best]
    pts = client.post("/v1/align?format=pts&max_faces=1", content=data.getvalue()).text.splitlines()[3]
    np.testing.assert_allclose(np.array(pts.split(), float) - 1, best["points"][0], atol=0.01)


def served(settings: Settings, ask) -> None:
    """Run ask(port) against a service over a real socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(create_service(settings), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.05)
            ask(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def test_bodies_that_do_not_come_take_places_until_their_time_is_over():
    def ask(port: int) -> None:
        head = f"POST /v1/align HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(PHOTO)}\r\n\r\n".encode()
        stalled = [socket.create_connection(("127.0.0.1", port)) for _ in range(9)]  # one more than a batch
        for one in stalled:
            one.sendall(head)
        time.sleep(0.5)
        full = httpx.post(f"http://127.0.0.1:{port}/v1/align", content=PHOTO)
        assert (full.status_code, full.headers["retry-after"]) == (503, "1")
        late = stalled[0].recv(1000)
        assert late.startswith(b"HTTP/1.1 504")
        assert b"x-frame-options" in late
        for one in stalled[1:]:
            one.recv(1000)
            one.close()
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200

    served(Settings(workers=1, queue=1, seconds=3), ask)


def test_a_body_that_does_not_come_does_not_keep_it_from_stopping(serve):
    with serve("--seconds", "1") as address:
        host, port = address.removeprefix("http://").split(":")
        stalled = socket.create_connection((host, int(port)))
        stalled.sendall(f"POST /v1/align HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\nhalf".encode())
        time.sleep(0.2)
    # It has been told to stop and has ended, or this would not be reached.
    assert stalled.recv(1000).startswith(b"HTTP/1.1 504")


needs_groups = pytest.mark.skipif(os.name == "nt", reason="Windows sends no signals to groups of processes")


def workers_of(server: subprocess.Popen) -> list[psutil.Process]:
    """The workers of a server that starts, as soon as they are there: amid their imports, that is."""
    while server.poll() is None:
        found = [one for one in psutil.Process(server.pid).children() if "spawn_main" in " ".join(one.cmdline())]
        if found:
            return found
    raise AssertionError(server.stderr.read())


@needs_groups
def test_a_second_ctrl_c_ends_it_without_waiting_for_what_is_under_way(start):
    with start() as (server, address):
        host, port = address.removeprefix("http://").split(":")
        while True:
            with suppress(OSError):
                stalled = socket.create_connection((host, int(port)))
                stalled.sendall(f"POST /v1/align HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\nhalf".encode())
                httpx.get(f"{address}/healthz")
                break
        os.killpg(server.pid, signal.SIGINT)
        with suppress(httpx.TransportError):  # it takes no more: the first is heard
            while True:
                httpx.get(f"{address}/healthz")
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(20) == 130
        assert server.stderr.read() == "stopped\n"


@needs_groups
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_it_starts_it_ends_quietly(start, stop):
    with start() as (server, _):
        workers_of(server)
        os.killpg(server.pid, stop)
        server.wait(20)
        assert server.stderr.read() in ("", "stopped\n")


def test_it_ends_where_a_worker_dies_as_it_starts(start):
    with start("--workers", "2") as (server, _):
        workers_of(server)[0].kill()
        assert server.wait(20) == 3


def test_a_worker_whose_server_is_killed_ends_quietly():
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    worker = spawn.Process(target=_work, args=(theirs,), daemon=True)
    worker.start()
    theirs.close()
    ours.recv()  # it is ready
    ours.send([job()])
    ours.close()
    worker.join(20)
    assert worker.exitcode == 0


def test_clients_that_go_away_free_their_places(address):
    host, port = address.removeprefix("http://").split(":")
    head = f"POST /v1/align HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(PHOTO)}\r\n\r\n".encode()
    for _ in range(60):
        with socket.create_connection((host, int(port))) as one:
            one.sendall(head + PHOTO)
    assert len(httpx.post(f"{address}/v1/align", content=PHOTO, timeout=60).json()["faces"]) == 1
    assert 'path="/v1/align",status="499"' in httpx.get(f"{address}/metrics").text


def test_many_at_once_each_gets_its_own(client, face):
    image = Image.open(io.BytesIO(PHOTO)).convert("RGB")  # loaded now, not in several threads

    def ask(i: int) -> tuple[int, float]:
        data = io.BytesIO()
        image.crop((i, 0, 512, 300)).save(data, "PNG")
        (face,) = client.post("/v1/align", content=data.getvalue()).json()["faces"]
        return i, face["points"][30][0]

    with ThreadPoolExecutor(16) as pool:
        for i, x in pool.map(ask, range(0, 120, 10)):
            assert x == pytest.approx(face.points[30, 0] - i, abs=4)


def job(data: bytes = PHOTO, max_faces: int | None = None) -> Job:
    return Job(data, "ibug68", 0.25, max_faces)


def test_a_full_queue_says_so_and_who_leaves_frees_a_place():
    async def run() -> None:
        workers = Workers(count=1, limit=3)
        await workers.start()
        first = asyncio.create_task(workers.ask(job()))
        await asyncio.sleep(0.01)  # it is with the worker now
        others = [asyncio.create_task(workers.ask(job())) for _ in range(3)]
        await asyncio.sleep(0.01)
        with pytest.raises(Busy):
            await workers.ask(job())
        others[1].cancel()
        await asyncio.sleep(0)
        others[1] = asyncio.create_task(workers.ask(job()))  # there is room at once, not when the worker gets there
        assert [len((await task).faces) for task in (first, *others)] == [1, 1, 1, 1]
        await workers.stop()

    asyncio.run(run())


def test_the_images_of_a_batch_that_takes_too_long_are_done_again_one_by_one(monkeypatch):
    runs: list[int] = []
    run_batch = _Process.run

    def pluralize(self, jobs: list[Job], seconds: float) -> list[Answer | Exception]:
        runs.append(len(jobs))
        return run_batch(self, jobs, seconds)

    monkeypatch.setattr(_Process, "run", pluralize)

    async def run() -> None:
        workers = Workers(count=1, seconds=20.0)
        await workers.start()
        os.kill(workers._processes[0]._process.pid, signal.SIGSTOP)  # as an image would that is long to decode
        asked = [asyncio.create_task(workers.ask(job())) for _ in range(3)]
        assert [len((await one).faces) for one in asked] == [1, 1, 1]
        assert runs == [3, 1, 1, 1]
        await workers.stop()

    asyncio.run(run())


def test_a_fault_of_the_server_is_not_said_to_be_the_images():
    async def run() -> None:
        workers = Workers(count=1)
        await workers.start()
        with pytest.raises(Failed):
            await workers.ask(Job(PHOTO, "gone", 0.25, None))
        assert len((await workers.ask(job())).faces) == 1
        await workers.stop()

    asyncio.run(run())


def test_a_worker_that_does_not_start_is_tried_again_and_the_others_do_its_work():
    async def run() -> None:
        workers = Workers(count=2)
        await workers.start()
        try:
            multiprocessing.set_executable("/bin/false")
            workers._processes[0].end()
            answers = await asyncio.gather(*(workers.ask(job()) for _ in range(10)))
            assert [len(answer.faces) for answer in answers] == [1] * 10
            workers._processes[1].end()
            with pytest.raises(Failed):
                await workers.ask(job())
            assert not workers.alive
        finally:
            multiprocessing.set_executable(sys.executable)
        assert len((await workers.ask(job())).faces) == 1
        await workers.stop()

    asyncio.run(run())


def test_stopping_answers_what_waits():
    async def run() -> None:
        workers = Workers(count=1)
        await workers.start()
        asked = [asyncio.create_task(workers.ask(job())) for _ in range(12)]
        await asyncio.sleep(0.01)
        await workers.stop()
        assert [len((await task).faces) for task in asked] == [1] * 12

    asyncio.run(run())


def test_what_takes_too_long_is_ended_and_the_others_are_answered(monkeypatch):
    async def run() -> None:
        workers = Workers(count=1, seconds=0.0)
        await workers.start()
        with pytest.raises(Slow, match="took longer than 0 s"):
            await workers.ask(job())
        workers.seconds = 30.0
        assert len((await workers.ask(job())).faces) == 1
        asked = asyncio.create_task(workers.ask(job()))
        await asyncio.sleep(0.01)
        workers._processes[0]._process.kill()  # as if its decoder had crashed
        with pytest.raises(Crashed, match="could not be processed"):
            await asked
        workers._processes[0].end()  # as if it had died as it started
        assert not workers.alive
        assert len((await workers.ask(job())).faces) == 1
        answers = await asyncio.gather(*(workers.ask(job()) for _ in range(5)))
        assert [len(answer.faces) for answer in answers] == [1] * 5
        await workers.stop()

    asyncio.run(run())
