"""Read the file of a multipart form while the form arrives, so that it is in memory only once."""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

MAX_FIELDS = 8  # besides the file


class FormError(Exception):
    """A form is damaged, or does not contain exactly one file."""


@dataclass
class Upload:
    """A file in a request.

    Attributes:
        data: Content of the file.
        name: Name of the file in the form.
    """

    data: bytearray = field(default_factory=bytearray)
    name: str = "image"


class FormReader:
    """Reads a multipart form chunk by chunk.

    Args:
        content_type: The Content-Type header of the request.

    Raises:
        FormError: If the header names no boundary, or one that is too long.
    """

    def __init__(self, content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise FormError("the Content-Type of the form names no boundary")
        self._form = _Form()
        try:
            self._parser = _parser(boundary, self._form)
        except FormParserError as error:
            raise FormError(f"the form cannot be read: {error}") from None

    @property
    def upload(self) -> Upload:
        """The file, as far as it has arrived."""
        return self._form.upload

    @property
    def field_names(self) -> list[str]:
        """Names of the other fields."""
        return self._form.field_names

    def write(self, chunk: bytes) -> None:
        """Read the next chunk of the body.

        Raises:
            FormError: If the form is damaged, or has a second file or too many fields.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise FormError(f"the form cannot be read: {error}") from None

    def close(self) -> None:
        """Check the form after its last chunk.

        Raises:
            FormError: If the form is cut short, or contains no file.
        """
        if not self._form.has_file:
            raise FormError("the form contains no file")
        if not self._form.is_complete:
            raise FormError("the form is cut short")


def _parser(boundary: bytes, form: _Form) -> MultipartParser:
    return MultipartParser(
        boundary,
        {
            "on_header_field": form.on_header_field,
            "on_header_value": form.on_header_value,
            "on_header_end": form.on_header_end,
            "on_headers_finished": form.on_headers_finished,
            "on_part_data": form.on_part_data,
            "on_end": form.on_end,
        },
    )


class _Form:
    """The state of a form. The parser calls its methods with parts of the data.

    It does not refer to the parser: a reference cycle would keep the image in memory until garbage collection.
    """

    def __init__(self) -> None:
        self.upload = Upload()
        self.field_names: list[str] = []
        self.has_file = False
        self.is_complete = False
        self._in_file = False
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        if b"name" not in options:
            raise FormError("a part of the form has no name")
        self._in_file = b"filename" in options
        if self._in_file:
            if self.has_file:
                raise FormError("the form contains more than one file")
            self.has_file = True
            self.upload.name = _decode(options[b"filename"]) or self.upload.name
        else:
            if len(self.field_names) == MAX_FIELDS:
                raise FormError(f"the form contains more than {MAX_FIELDS} fields besides the file")
            self.field_names.append(_decode(options[b"name"]))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.upload.data += data[start:end]

    def on_end(self) -> None:
        self.is_complete = True


def _decode(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")
