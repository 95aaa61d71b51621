"""Reading multipart forms in parts of any size."""

from __future__ import annotations

import pytest

from facelattice.serve.form import FormError, FormReader

CONTENT_TYPE = "multipart/form-data; boundary=x"
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\nContent-Type: image/png\r\n\r\n%s\r\n'
FIELD = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\nvalue\r\n'
END = b"--x--\r\n"


def read(form: bytes, chunk_size: int = 1 << 16) -> FormReader:
    reader = FormReader(CONTENT_TYPE)
    for start in range(0, len(form), chunk_size):
        reader.write(form[start : start + chunk_size])
    reader.close()
    return reader


@pytest.mark.parametrize("chunk_size", [1, 7, 64, 1 << 16])
def test_file_and_fields(chunk_size):
    content = bytes(range(256)) * 4 + b"\r\n--y\r\n-"
    reader = read(FIELD % b"note" + FILE % ("Köpfe.png".encode(), content) + FIELD % b"model" + END, chunk_size)
    assert (reader.upload.data, reader.upload.name) == (content, "Köpfe.png")
    assert reader.field_names == ["note", "model"]


def test_file_without_a_name_is_called_image():
    assert read(FILE % (b"", b"abc") + END).upload.name == "image"


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (FIELD % b"a" + END, "no file"),
        (FILE % (b"a", b"abc"), "cut short"),
        (FILE % (b"a", b"abc") + FILE % (b"b", b"abc") + END, "more than one file"),
        (FIELD % b"a" * 9 + FILE % (b"a", b"abc") + END, "more than 8 fields"),
        (b"--x\r\nContent-Type: image/png\r\n\r\nabc\r\n" + END, "no name"),
        (b"nonsense", "cannot be read"),
        (b"", "no file"),
    ],
)
def test_wrong_form_is_rejected(form, message):
    with pytest.raises(FormError, match=message):
        read(form)


@pytest.mark.parametrize(
    ("boundary", "message"),
    [("", "names no boundary"), ("; boundary=", "names no boundary"), (f"; boundary={'x' * 5000}", "cannot be read")],
)
def test_wrong_boundary_is_rejected(boundary, message):
    with pytest.raises(FormError, match=message):
        FormReader(f"multipart/form-data{boundary}")
