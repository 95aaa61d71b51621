from __future__ import annotations

import io
import logging
import os
import shutil
import subprocess

import pytest

from facelattice.messages import escape, escape_lines, get_logger, list_some, pluralize, shell_command

TEXT = "a\tb\r\n\x00\x1b[31m\x7f\x9bä\u2028.jpg"


def test_control_characters_are_escaped():
    assert escape(TEXT) == "a\\tb\\r\\n\\x00\\x1b[31m\\x7f\\x9bä\u2028.jpg"
    assert escape_lines(TEXT) == "a\tb\\r\n\\x00\\x1b[31m\\x7f\\x9bä\u2028.jpg"


def test_shell_command_is_quoted_in_one_line():
    assert (
        shell_command("facelattice", "train", "my run.yaml", "a=[1,2]") == "facelattice train 'my run.yaml' 'a=[1,2]'"
    )
    assert shell_command("a'\n\\b\udce9\x9b") == "$'a\\'\\x0a\\\\b\\xe9\\u009b'"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_shell_reads_the_words_of_a_command():
    words = [TEXT.replace("\x00", ""), "it's", "$HOME", "a b", "", "back\\slash\n", os.fsdecode(b"caf\xe9"), "\n5"]
    command = shell_command("printf", r"%s\0", *words)
    assert escape(command) == command
    done = subprocess.run(["bash", "-c", command], capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]] == words


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


def test_pluralize():
    assert [pluralize(count, "face") for count in (0, 1, 2)] == ["0 faces", "1 face", "2 faces"]


def test_long_lists_end_with_dots():
    assert [list_some(list("abc"), count) for count in (2, 3)] == ["a, b, ...", "a, b, c"]
