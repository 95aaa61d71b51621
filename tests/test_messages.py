from __future__ import annotations

import io
import logging

import pytest

from facelattice.messages import escape, escape_lines, get_logger

TEXT = "a\tb\r\n\x00\x1b[31m\x7f\x9bä\u2028.jpg"


def test_control_characters_are_escaped():
    assert escape(TEXT) == "a\\tb\\r\\n\\x00\\x1b[31m\\x7f\\x9bä\u2028.jpg"
    assert escape_lines(TEXT) == "a\tb\\r\n\\x00\\x1b[31m\\x7f\\x9bä\u2028.jpg"


@pytest.fixture
def log():
    """What the logger "facelattice" writes to a handler of an application."""
    handler = logging.StreamHandler(io.StringIO())
    logger = logging.getLogger("facelattice")
    logger.addHandler(handler)
    yield handler.stream
    logger.removeHandler(handler)


def test_messages_of_the_log_have_one_line(log):
    get_logger().warning("%s: %d points", TEXT, 3)
    assert log.getvalue() == escape(TEXT) + ": 3 points\n"


def test_tracebacks_of_the_log_keep_their_lines(log):
    try:
        raise ValueError(TEXT)
    except ValueError as error:
        get_logger().error("a request failed", exc_info=error)
    first, *lines = log.getvalue().split("\n")
    assert first == "a request failed"
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2:] == ["\\x00\\x1b[31m\\x7f\\x9bä\u2028.jpg", ""]
