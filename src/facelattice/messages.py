"""Messages in one line. Names of files and texts of users can contain control characters, also newlines.

If these were printed unchanged, they could change the title or the text of a terminal, and forge lines of a log.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ESCAPES |= {ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}
_ESCAPES_OF_LINES = {code: text for code, text in _ESCAPES.items() if code not in (ord("\t"), ord("\n"))}


def escape(text: str) -> str:
    r"""Return a text with control characters replaced by ``\x1b``, ``\n``, ..."""
    return text.translate(_ESCAPES)


def escape_lines(text: str) -> str:
    """Return a text with control characters replaced, except newlines and tabs."""
    return text.translate(_ESCAPES_OF_LINES)


def shell_command(*words: str) -> str:
    r"""Return a command line for the shell. Words with control characters are quoted as ``$'a\x0ab'``, in one line."""
    return " ".join(_quote(word) for word in words)


def pluralize(count: int, noun: str) -> str:
    """Return the count and the noun, such as "1 face" or "2 faces"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def list_some(names: Sequence[str], count: int) -> str:
    """Return the first names with commas, and dots if there are more than ``count``."""
    return ", ".join(names[:count]) + ", ..." * (len(names) > count)


def suggest_name(name: object, known: Iterable[str]) -> str:
    """Return "did you mean X?" with the known name that is most similar to a wrong one, or "" if none is similar."""
    near = similar_names(name, known)
    return f"did you mean {near[0]}?" if near else ""


def similar_names(name: object, known: Iterable[str], count: int = 1) -> list[str]:
    """Return up to ``count`` known names that are similar to a wrong one, the most similar first."""
    import difflib  # not at the top: it is only needed for errors

    return difflib.get_close_matches(str(name), list(known), count)


def _quote(word: str) -> str:
    if escape(word) == word and not any(0xD800 <= ord(c) < 0xE000 for c in word):
        return shlex.quote(word)
    codes = {ord("\\"): "\\\\", ord("'"): "\\'"}
    codes |= {code: f"\\{'x' if code < 128 else 'u00'}{code:02x}" for code in _ESCAPES}
    codes |= {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(128, 256)}  # bytes of a file name that are not text
    return f"$'{word.translate(codes)}'"


@cache
def get_logger() -> logging.Logger:
    """Return the logger "facelattice". Its messages have one line; tracebacks below them keep their lines."""
    import logging  # not at the top: it would make every import of facelattice slower

    logger = logging.getLogger("facelattice")
    logger.addFilter(_escape_record)
    return logger


def _escape_record(record: logging.LogRecord) -> bool:
    import traceback

    record.msg, record.args = escape(record.getMessage()), None
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = escape_lines("".join(traceback.format_exception(record.exc_info[1]))).rstrip("\n")
    return True
