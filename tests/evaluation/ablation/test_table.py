from __future__ import annotations

from typing import Any

from facelattice.evaluation.ablation.table import summarize, to_markdown


def make_result(row: str, seed: int, nme: float) -> dict[str, Any]:
    """Contents of result.json for two faces; a third could not be read."""
    values = {"validation": [nme, nme + 0.02, None], "occluded": [0.1, 0.1, None], "visible": [0.1, 0.1, None]}
    return {"row": row, "seed": seed, "minutes": 1.0, "num_parameters": 1_500_000, "nme": values}


def test_table_computed_by_hand():
    results = [make_result("a", 0, 0.03), make_result("a", 1, 0.05), make_result("b", 0, 0.2), make_result("b", 1, 0.2)]
    lines = to_markdown(summarize(results)).splitlines()
    assert lines[2].startswith("| a | 2 | 5.00 ± 1.41 | 10.00 ± 0.00 | 10.00 ± 0.00 | 1.50 M |  |  |")
    assert lines[3].startswith("| b | 2 | 21.00 ± 0.00 |")
    assert "| +16.00 (" in lines[3]
    assert lines[3].endswith(" worse | +0.00 (+0.00 to +0.00) tie |")


def test_table_without_runs():
    assert to_markdown(summarize([])) == "no run is finished yet\n"


def test_measure_without_any_face_is_not_compared():
    results = [make_result("a", 0, 0.03), make_result("b", 0, 0.2)]
    for result in results:
        result["nme"]["occluded"] = [None] * 3
    assert to_markdown(summarize(results)).splitlines()[3].endswith(" worse | no face to compare |")


def test_rows_may_have_different_measures():
    located = make_result("located", 0, 0.03)
    located["nme"]["located"] = [0.1, 0.3]
    for results in ([located, make_result("flatten", 0, 0.03)], [make_result("flatten", 0, 0.03), located]):
        lines = {line.split(" | ")[0]: line.split(" | ") for line in to_markdown(summarize(results)).splitlines()}
        assert (lines["| row"][5], lines["| located"][5], lines["| flatten"][5]) == ("located", "20.00", "")
