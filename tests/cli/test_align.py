"""`facelattice align`: the choice between images and videos, and arguments that contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from facelattice.inference.model_zoo import find_model

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give images, folders or videos"),
        ([""], "an argument is empty"),
        ([PHOTO, "--out", ""], "an argument is empty"),
        ([PHOTO, "--out", PHOTO], "is a file, not a folder"),
        ([PHOTO, "--out", PHOTO / "sub"], "Not a directory"),
        ([PHOTO, "--model", "ibug86"], "no model is named 'ibug86'"),
        ([PHOTO, "--model", "gone.onnx"], "gone.onnx: cannot read"),
        ([PHOTO, "--model", "half.onnx"], "half.onnx: not an ONNX file, or a truncated one"),
        ([PHOTO, "--detector", "eyes"], "unknown detector 'eyes'"),
        ([PHOTO, "--provider", "gpu"], "gpu"),
        ([PHOTO, "--format", "pts"], "--format needs --out"),
        ([PHOTO, "--out", "out", "--format", "xls"], "unknown format 'xls'"),
        ([PHOTO, "--max-faces", "0"], "max-faces"),
        ([PHOTO, "--smooth", "1"], "--smooth is for videos"),
        ([PHOTO, "--crops", "vgg"], "unknown value 'vgg' for --crops; expected one of upright, arcface, ffhq"),
        ([PHOTO, "--style", "dots"], "unknown value 'dots' for --style; expected one of points, lines, mesh, numbers"),
        ([PHOTO, "--color", "red"], "unknown value 'red' for --color; expected one of error, region"),
        ([PHOTO, "--draw-as", "gif"], "unknown value 'gif' for --draw-as; expected one of jpg, overlay, svg"),
        (["clip.mp4", "--tracks", "flame"], "unknown value 'flame' for --tracks; expected one of aftereffects, nuke"),
        (["clip.mp4", "--draw-as", "svg"], "--draw-as is for images, not for videos"),
        ([PHOTO, "--tracks", "nuke"], "--tracks is for videos, not for images"),
        (["*.nothing"], "no images found there"),
        (["https://example.org/a.jpg"], "URLs are not fetched"),
        ([PHOTO, "clip.mp4", "--out", "out", "--format", "pts"], "--format of a video is json or csv, not 'pts'"),
        (["clip.mp4", "--json"], "--json, --resume and --shard are for images"),
        (["--camera", "0", "--shard", "1/2"], "--json, --resume and --shard are for images"),
        ([PHOTO, "--no-draw", "--draw-as", "svg"], "--draw-as is for drawings; leave out --no-draw"),
        ([PHOTO, "--no-draw", "--style", "mesh"], "--style is for drawings; leave out --no-draw"),
        (["clip.mp4", "--masks"], "--masks is for images, not for videos"),
        (["clip.mp4", "--out", "out", "--format", "pts"], "--format of a video is json or csv, not 'pts'"),
        ([PHOTO, "--shard", "0/3"], "--shard is I/N"),
        ([PHOTO, "--shard", "4/3"], "--shard is I/N"),
        ([PHOTO, "--shard", "half"], "--shard is I/N"),
        ([PHOTO, "--resume"], "--resume needs --out"),
        ([PHOTO, "--resume", "--out", "out", "--format", "csv"], "--resume needs --out"),
        ([PHOTO, "--out", "out", "--format", "parquet", "--json"], "use one of them"),
    ],
)
def test_wrong_arguments_have_status_2_and_a_reason(run, tmp_path, arguments, message):
    data = find_model("ibug68-fast").read_bytes()
    Path("half.onnx").write_bytes(data[: len(data) // 2])
    status, out, err = run("align", *arguments)
    assert status == 2
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err + out
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["half.onnx"]


def test_settings_reach_the_aligner(run):
    assert "no face of score 0.99 or more" in run("align", PHOTO, "--model", "ibug68-fast", "--min-score", "0.99")[2]
    path = find_model("ibug68-fast")
    status, _, err = run("align", PHOTO, "--model", path, "--max-faces", "1", "--detector", "yunet", "--no-draw")
    assert (status, err) == (0, "1 face in 1 image\n")
