from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("torch", reason="needs torch")

from facelattice.training import trainer


@pytest.fixture
def stop(monkeypatch):
    """Stop the training after the first epoch, or before it."""

    def install(after_epoch: bool) -> None:
        def interrupt(*arguments):
            raise KeyboardInterrupt

        name = "show_epoch" if after_epoch else "show_step"
        monkeypatch.setattr(trainer.RunLog, name, interrupt)

    return install


def test_stop_names_the_command_that_continues(run, write_recipe, monkeypatch, stop):
    recipe = write_recipe()
    recipe.rename(recipe.with_name("my faces.yaml"))
    with monkeypatch.context():
        stop(after_epoch=True)
        status, _, err = run("train", "my faces.yaml", "epochs=3", "optimizer.milestones=[1]", "--out", "my\trun")
    command = "facelattice train 'my faces.yaml' epochs=3 'optimizer.milestones=[1]' --out $'my\\x09run' --resume"
    assert (status, err) == (130, f"stopped; continue with: {command}\n")


def test_stop_names_the_command_without_out_and_it_continues(run, write_recipe, monkeypatch, stop):
    write_recipe()
    show_epoch = trainer.RunLog.show_epoch
    stop(after_epoch=True)
    assert run("train", "tiny.yaml")[2] == "stopped; continue with: facelattice train tiny.yaml --resume\n"
    monkeypatch.setattr(trainer.RunLog, "show_epoch", show_epoch)
    status, out, _ = run("train", "tiny.yaml", "--resume")
    assert status == 0
    assert "epoch 2/2" in out
    assert "epoch 1/2" not in out


def test_stop_in_the_first_epoch_names_no_command(run, write_recipe, stop):
    write_recipe()
    stop(after_epoch=False)
    status, _, err = run("train", "tiny.yaml")
    assert (status, err) == (130, "stopped; no epoch is finished\n")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_all_processes(write_recipe, tmp_path, number):
    """Ctrl-C, and `timeout`, send their signal to the processes that load images too."""
    command = [sys.executable, "-m", "facelattice", "train", write_recipe(epochs=1000, num_workers=2), "--out", "run"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        while process.poll() is None and not (tmp_path / "run" / "last.pt").exists():
            time.sleep(0.1)
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number, err
    assert err.startswith("stopped; continue with: facelattice train ")
    assert err.count("\n") == 1, err


def test_only_the_main_process_names_the_command(run, write_recipe, monkeypatch, stop):
    write_recipe()
    stop(after_epoch=True)
    monkeypatch.setattr("facelattice.cli.train.distributed.is_main", lambda: False)
    assert run("train", "tiny.yaml")[2] == "stopped\n"


def test_check_trains_nothing(run, write_recipe, tmp_path):
    write_recipe()
    status, out, err = run("train", "tiny.yaml", "epochs=3", "--check")
    assert (status, err) == (0, "")
    assert "nothing was written; training would write runs/tiny, and take about" in out
    assert not (tmp_path / "runs").exists()
    status, _, err = run("train", "tiny.yaml", "epochs=0", "--check")
    assert (status, "epochs must be above 0" in err) == (2, True)
