from __future__ import annotations

from facelattice.visualization.training_curves import draw_training_curves


def test_terms_of_the_loss_and_the_best_epoch_are_named(tmp_path):
    nme = [0.08, 0.05, 0.06]
    history = [
        {"epoch": i + 1, "lr": 1e-3, "loss_points": 9.0 - i, "loss_uncertainty": -1.0, "val_nme": value}
        for i, value in enumerate(nme)
    ]
    draw_training_curves(history, tmp_path / "results.svg")
    text = (tmp_path / "results.svg").read_text(encoding="utf-8")
    assert all(f">{label}<" in text for label in ("points", "uncertainty", "best: 5.00 %, epoch 2", "epoch"))
    assert ">lr<" not in text
    draw_training_curves(history[:1], tmp_path / "results.png")
    assert (tmp_path / "results.png").stat().st_size > 1000
