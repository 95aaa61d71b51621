from __future__ import annotations

from facelattice.datasets.readers import cvat

XML = """<annotations><image id="0" name="a.jpg"{subset} width="80" height="60"><skeleton label="{label}">
<points label="left_eye" outside="0" occluded="0" points="10.5,20.5"/>
<points label="right_eye" outside="0" occluded="1" points="30.5,20.5"/>
<points label="nose" outside="1" occluded="0" points="0,0"/></skeleton></image></annotations>"""


def test_images_are_in_images_or_in_the_folder_of_their_subset(tmp_path, write_image):
    for subset, image in (("", "images/a.jpg"), (' subset="Train"', "images/Train/a.jpg")):
        folder = tmp_path / str(len(subset))
        image = write_image(folder / image)
        (folder / "annotations.xml").write_text(XML.format(subset=subset, label="dog"), encoding="utf-8")
        (sample,) = cvat.read(folder / "annotations.xml").samples
        assert sample.path == image
        assert (sample.scheme.name, sample.scheme.names) == ("dog", ("left_eye", "right_eye", "nose"))
        assert sample.mask.tolist() == [True, True, False]
        assert sample.hidden.tolist() == [False, True, False]


def test_label_is_the_subset(tmp_path):
    (tmp_path / "a.xml").write_text(XML.format(subset="", label="dog"), encoding="utf-8")
    assert len(cvat.read(tmp_path / "a.xml", "dog").samples) == 1
