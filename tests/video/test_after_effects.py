from __future__ import annotations

from facelattice.video.after_effects import keyframe_texts


def test_keyframes_of_each_point(square_tracks):
    texts = keyframe_texts(square_tracks)
    assert len(texts) == 2
    assert texts[1].split("\r\n") == [
        "Adobe After Effects 8.0 Keyframe Data", "",
        "\tUnits Per Second\t23.976", "\tSource Width\t200", "\tSource Height\t100",
        "\tSource Pixel Aspect Ratio\t1", "\tComp Pixel Aspect Ratio\t1", "",
        "Transform\tPosition", "\tFrame\tX pixels\tY pixels\tZ pixels",
        "\t0\t50.500\t20.500\t0", "\t1\t51.500\t22.500\t0", "\t4\t52.500\t24.500\t0", "",
        "End of Keyframe Data", "",
    ]  # fmt: skip
