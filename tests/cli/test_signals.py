from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.core import TyperGroup

from facelattice.cli.signals import TERMINATION_SIGNALS, Terminated, raise_on_stop_signals
from facelattice.inference.aligner import FaceAligner

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals to one process")


@pytest.mark.parametrize("number", [signal.SIGINT, *TERMINATION_SIGNALS])
def test_exit_status_is_128_plus_the_signal(run, monkeypatch, number):
    monkeypatch.setattr(FaceAligner, "batch", lambda *_: os.kill(os.getpid(), number))
    status, _, err = run("align", PHOTO)
    assert status == 128 + number
    assert err == "stopped\n"  # nothing was written
    assert all(signal.getsignal(number) is signal.SIG_DFL for number in TERMINATION_SIGNALS)


def test_signal_whose_exception_a_library_replaced_keeps_its_status(run, monkeypatch):
    def replace(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Terminated:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(FaceAligner, "batch", replace)
    assert run("align", PHOTO)[0] == 128 + signal.SIGTERM
    monkeypatch.setattr(FaceAligner, "batch", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert run("align", PHOTO)[0] == 128 + signal.SIGINT  # the earlier signal is forgotten


def test_signal_before_the_command_starts(run, monkeypatch):
    monkeypatch.setattr(TyperGroup, "parse_args", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    status, _, err = run("align", PHOTO)
    assert (status, err) == (128 + signal.SIGTERM, "stopped\n")


@pytest.mark.parametrize("command", [("evaluate", "ibug68-fast"), ("graph",), ("explain", "ibug68-fast")])
def test_commands_that_write_nothing_before_their_end_only_stop(run, faces, monkeypatch, command):
    def stop(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(FaceAligner, "__init__", stop)
    monkeypatch.setattr("facelattice.cli.graph._graph_of_data", stop)
    status, _, err = run(*command, faces, *(["-o", "a.png"] if command != ("evaluate", "ibug68-fast") else []))
    assert (status, err) == (130, "stopped\n")


def test_hint_follows_the_message(run, faces, monkeypatch, tmp_path):
    def stop(*arguments, **settings):
        if (tmp_path / "out").exists():
            raise KeyboardInterrupt
        (tmp_path / "out").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr("facelattice.datasets.convert.convert_dataset", stop)
    assert run("convert", faces, "out.csv")[2] == "stopped\n"
    assert run("convert", faces, "out", "--format", "pts")[2] == "stopped; the files written so far are complete\n"


def test_only_the_first_signal_interrupts():
    steps = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            steps.append("cleanup")

    with raise_on_stop_signals(), pytest.raises(Terminated):
        work()
    assert steps == ["cleanup"]


def test_ignored_signal_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raise_on_stop_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_files_are_complete_after_a_signal(tmp_path, number):
    for i in range(300):
        (tmp_path / f"{i:03}.jpg").symlink_to(PHOTO)
    command = [sys.executable, "-m", "facelattice", "align", ".", "--out", "out", "--no-draw"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while process.poll() is None and not list(tmp_path.glob("out/*.json")):
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number, err
    assert "stopped; the files written so far are complete" in err
    assert "Traceback" not in err + out
    written = list((tmp_path / "out").iterdir())
    assert 0 < len(written) < 300
    assert all(path.suffix == ".json" and json.loads(path.read_text("utf-8"))["faces"] for path in written)
