from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import result
import tables

ROOT = Path(__file__).parents[2]
ACCURACY = {
    "model": "ibug68", "data": "300W", "subset": "full", "boxes": "annotation", "scheme": "ibug68", "protocol": "300w",
    "threshold": 0.08, "num_faces": 689, "num_missed": 1, "nme": 0.0348, "failure_rate": 0.02, "auc": 0.568,
    "expected_nme": 0.034, "rank_points": 0.56, "rank_faces": 0.76, "failures_in_uncertain_decile": 0.79,
}  # fmt: skip
PEER = {"program": "dlib, 68 points", "boxes": "detector", "num_faces": 10, "num_found": 8, "nme": 0.03, "ms": 12.34}


def make_results(**rows):
    head = {"date": "2026-11-30T00:00:00", "commit": None, "command": "python x.py", "machine": {"processor": "CPU"}}
    return {name: {**head, "rows": values} for name, values in rows.items()}


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.name)
def test_pages_show_the_newest_results(page):
    text = page.read_text(encoding="utf-8")
    assert tables.fill(text, result.read_results()) == text, "run python benchmarks/tables.py"
    blocks = tables.BLOCK.findall(text)
    assert len(blocks) == text.count("<!-- table")
    assert all(content.strip() for _, _, content in blocks)


@pytest.mark.parametrize("name", sorted(result.read_results()))
def test_command_of_a_result_has_options_that_exist(name):
    program, script, *arguments = result.read_results()[name]["command"].split()
    source = (ROOT / script).read_text(encoding="utf-8") + (ROOT / "benchmarks" / "result.py").read_text(
        encoding="utf-8"
    )
    assert program == "python"
    assert all(f'"{option}"' in source for option in arguments if option.startswith("-"))


def test_table_is_filled_and_tells_its_command():
    page = "before\n<!-- table: published -->\n<!-- end -->\nafter"
    filled = tables.fill(page, make_results(accuracy=[ACCURACY]))
    assert filled.startswith("before\n<!-- table: published -->\n\n| NME, annotated boxes |")
    assert "| `ibug68` | 3.48 % |  |  |\n" in filled
    assert "\n\n2026-11-30, CPU: `python x.py`\n\n<!-- end -->\nafter" in filled
    assert tables.fill(filled, make_results(accuracy=[ACCURACY])) == filled


def test_table_without_a_result_is_left_alone():
    page = "<!-- table: peers -->\nearlier\n<!-- end -->"
    assert tables.fill(page, {}) == page


def test_readme_table_leaves_out_what_was_not_measured():
    table = tables.readme_table(make_results(accuracy=[ACCURACY]))
    assert "| `ibug68` | 3.48 % |  |" in table
    assert "dlib" not in table
    assert "ms per face" not in table
    sets = ("HELEN test", "LFPW test", "iBUG", "WFLW subset as 68 points")
    table = tables.readme_table(make_results(accuracy=[ACCURACY], peers=[{**PEER, "set": name} for name in sets]))
    assert "| dlib, 68 points | 3.00 %, 6 missed | 3.00 %, 2 missed | 3.00 %, 2 missed | 12.3 |" in table


def test_pipeline_has_a_table_of_calls_and_one_of_files():
    call = {"detector_ms": 2.0, "landmark_model_ms": 3.0, "call_ms": 6.0, "rows_ms": 0.5}
    rows = [
        {"model": "ibug68", "max_faces": None, **call},
        {"model": "ibug68", "max_faces": 1, **call},
        {"model": "ibug68", "way": "1 process", "num_images": 10, "seconds": 4.0},
    ]
    calls, files = tables.pipeline_table(make_results(pipeline=rows)).split("\n\n")
    assert calls.splitlines()[2:] == [
        "| `ibug68` | all | 2.0 ms | 3.0 ms | 6.0 ms | 0.5 ms |",
        "| `ibug68` | the most confident one | 2.0 ms | 3.0 ms | 6.0 ms | 0.5 ms |",
    ]
    assert files.splitlines()[2:] == ["| 10 with `ibug68`, 1 process | 4.0 s | 2.5 |"]


def test_video_has_a_table_of_the_default_model_and_one_of_models():
    row = {"nme": 0.03, "jitter": 0.005, "lag_frames": None, "missed": 0, "switches": None, "lost": 0, "cpu_ms": 12.3}
    rows = [
        {"model": model, "clips": clips, "method": method, **row}
        for model in ("ibug68", "ibug68-fast")
        for clips in ("rest", "all")
        for method in ("tracked", "smoothed")
    ]
    results = make_results(video=rows)
    assert tables.video_table(results).count("\n") == 5
    assert tables.video_models_table(results).splitlines()[2:] == [
        "| `ibug68` | 12 ms | 3.00 % | 0.50 % |",
        "| `ibug68-fast` | 12 ms | 3.00 % | 0.50 % |",
    ]


def test_ablation_has_the_differences_from_its_first_row():
    tie = {"mean": 0.1, "low": -0.1, "high": 0.3}
    rows = [
        {
            "row": "graph",
            "num_parameters": 1_500_000,
            "nme": {"validation": [4.0, 5.0], "located": [6.0]},
            "differences": {},
        },
        {
            "row": "linear",
            "num_parameters": 2_000_000,
            "nme": {"validation": [4.5, 4.5]},
            "differences": {"validation": tie, "occluded": None},
        },
    ]
    lines = tables.ablation_table("ablation", make_results(ablation=rows)).splitlines()
    assert lines[0].startswith("| row | seeds | validation | located | parameters |")
    assert lines[2:] == [
        "| graph | 2 | 4.50 ± 0.71 | 6.00 | 1.50 M |  |  |",
        "| linear | 2 | 4.50 ± 0.00 |  | 2.00 M | +0.10 (-0.10 to +0.30) tie | no face to compare |",
    ]


def test_versions_of_a_model_are_those_that_were_measured():
    sets = {
        "300-W": {"num_faces": 2, "nme": 0.03},
        "WFLW": {"num_faces": 1, "nme": 0.05},
        "MERL-RAV": {"num_faces": 3, "nme": 0.04, "auroc_hidden_by_something": 0.9, "auroc_hidden_by_the_face": 0.8},
    }
    rows = [
        {"model": "ibug68", "commit": "1111111"},
        {"model": "ibug68", "commit": "2222222", "style_offsets": True, "measured": sets},
        {"model": "wflw98", "commit": "3333333", "style_offsets": False, "measured": sets},
    ]
    lines = tables.validation_table("ibug68", make_results(model_versions=rows)).splitlines()
    assert "300-W, 2 faces | WFLW, 1 faces | MERL-RAV, 3 faces" in lines[0]
    assert lines[2:] == ["| 2222222 | `ibug68` | yes | 3.00 % | 5.00 % | 4.00 % | 0.900 | 0.800 |"]


def test_several_results_are_described_by_their_scripts():
    results = [
        {"command": f"python {script}", "date": "2026-12-01T00:00:00"} for script in ("a/b.py c", "b.py", "d.py")
    ]
    assert tables.describe(results) == "Measured with `b.py` (2026-12-01), `d.py` (2026-12-01)"


def test_results_on_training_faces_have_a_name_of_their_own():
    names = [result.part_name("turned_faces", part) for part in (None, "test", "train")]
    assert names == ["turned_faces", "turned_faces", "turned_faces_train"]


def test_speed_has_a_column_for_each_part():
    rows = [
        {"part": "ibug68", "setting": "1 thread", "value": 21.84, "unit": "ms/crop"},
        {"part": "detector", "setting": "one image", "value": 2.0, "unit": "ms"},
    ]
    assert tables.speed_table(make_results(speed=rows)).splitlines()[2:] == [
        "| 1 thread | 21.8 ms/crop |  |",
        "| one image |  | 2 ms |",
    ]


def test_result_is_written_with_machine_and_versions(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/home/me/benchmarks/crowds.py", "../shared/data/crowds/test", "--json", "out"])
    parser = argparse.ArgumentParser()
    result.add_json_option(parser)
    folder = parser.parse_args(["--json", str(tmp_path)]).json
    result.write_result(folder, "crowds", [{"found": 0.5}], "two faces", "detector", note="more")
    [path] = tmp_path.iterdir()
    assert path.name.endswith("-crowds.json")
    written = result.read_results(tmp_path)["crowds"]
    assert list(written) == [*result.REQUIRED[:-1], "note", "rows"]
    assert written["command"] == "python crowds.py DATA/crowds/test --json out"
    assert {"python", "facelattice", "numpy", "onnxruntime"} <= set(written["versions"])
    assert written["rows"] == [{"found": 0.5}]


def test_nothing_is_written_without_the_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result.write_result(None, "crowds", [], "", "")
    assert not list(tmp_path.iterdir())


def test_file_of_another_schema_is_an_error(tmp_path):
    (tmp_path / "2026-11-30-crowds.json").write_text(json.dumps({"schema": "other"}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"2026-11-30-crowds.json: not a result of facelattice-benchmark-1"):
        result.read_results(tmp_path)


def test_newest_result_of_a_benchmark_is_used(tmp_path):
    for date in ("2026-11-29", "2026-11-30"):
        content = dict.fromkeys(result.REQUIRED) | {"schema": result.SCHEMA, "benchmark": "video", "date": date}
        (tmp_path / f"{date}-video.json").write_text(json.dumps(content), encoding="utf-8")
    assert result.read_results(tmp_path)["video"]["date"] == "2026-11-30"
