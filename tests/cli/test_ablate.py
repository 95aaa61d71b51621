from __future__ import annotations


def test_mistake_in_a_recipe_is_one_line(run, write_recipe, tmp_path):
    write_recipe()
    plan = tmp_path / "plan.yaml"
    plan.write_text("{base: tiny.yaml, seeds: [0], rows: {tiny: []}}", encoding="utf-8")
    status, _, err = run("ablate", plan, "loss.function=l3", "--out", "out")
    assert (status, err.count("\n")) == (2, 1)
    assert "loss.function is one of" in err
