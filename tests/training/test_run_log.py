from __future__ import annotations

import io

import pytest
from rich.console import Console

from facelattice.training import run_log
from facelattice.training.run_log import RunLog, format_loss

LOSSES = {"points": 999.99, "relative": 3.2, "located": 123456.0, "uncertainty": -2.5, "visibility": 0.124}


def test_line_of_an_epoch_fits_80_columns():
    text = io.StringIO()
    with RunLog(Console(file=text, width=80), num_epochs=500, first_epoch=0, steps_per_epoch=2) as log:
        for epoch in range(1, 22):
            log.show_epoch(epoch, LOSSES, 0.5, is_best=epoch == 1)
    header, first, *_ = lines = text.getvalue().splitlines()
    assert header == "               points  relative  located  uncert.  visible      NME    left"
    assert first.startswith("epoch   1/500  999.99      3.20    1e+05    -2.50     0.12  50.00 %")
    assert first.endswith(" best")
    assert len(first) <= 80
    assert not lines[2].endswith("best")
    assert [i for i, line in enumerate(lines) if line == header] == [0, 21]


def test_progress_is_a_line_now_and_then_without_a_terminal(monkeypatch):
    text = io.StringIO()
    with RunLog(Console(file=text, width=80), num_epochs=3, first_epoch=1, steps_per_epoch=4) as log:
        log.show_step(2, 1, 12.3)
        assert text.getvalue() == ""  # not a minute has passed
        monkeypatch.setattr(run_log, "SECONDS_BETWEEN_LINES", 0.0)
        log.show_step(2, 2, 12.3)
        log.show_step(2, 3, 0.31)
    assert text.getvalue().splitlines() == [
        "epoch 2/3  step 2/4  12 images/s  0 s left", "epoch 2/3  step 3/4  0.3 images/s  0 s left",
    ]  # fmt: skip


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setattr(run_log, "SECONDS_BETWEEN_LINES", 0.0)
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True, color_system=None)
    with RunLog(console, num_epochs=500, first_epoch=0, steps_per_epoch=4567) as log:
        log.show_step(100, 1234, 123.4)
        log._bar.refresh()
    shown = text.getvalue()
    assert "epoch 100/500" in shown
    assert "1234/4567  123 images/s" in shown
    assert "step" not in shown


def test_quiet_console_shows_nothing():
    text = io.StringIO()
    console = Console(file=text, quiet=True, force_terminal=True)
    with RunLog(console, num_epochs=2, first_epoch=0, steps_per_epoch=4) as log:
        log.show_step(1, 4, 12.3)
        log.show_epoch(1, LOSSES, 0.05, is_best=True)
    assert text.getvalue() == ""


@pytest.mark.parametrize(
    ("loss", "text"), [(0.126, "0.13"), (-12.3, "-12.30"), (999.4, "999.40"), (1234.5, "1234"), (2.5e7, "2e+07")]
)
def test_loss(loss, text):
    assert format_loss(loss) == text
