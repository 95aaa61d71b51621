"""The start of the program, until the command runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

INTERRUPTED = """
import os, signal, sys

module, sys.argv[1:] = sys.argv[1], ["--version"]

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
signal.signal(signal.SIGINT, signal.default_int_handler)
from facelattice.__main__ import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send SIGINT to one process")
@pytest.mark.parametrize("module", ["typer", "numpy.linalg", "facelattice.cli.serve"])
def test_ctrl_c_during_the_imports_is_quiet(module):
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, module], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


LITTLE_MEMORY = """
import numpy, psutil, resource  # numpy alone would end the process with a message of its own
from facelattice.__main__ import MIN_ADDRESS_SPACE, main
reserved = numpy.empty(MIN_ADDRESS_SPACE, numpy.uint8)  # addresses only: no page is touched
limit = psutil.Process().memory_info().vms + 2**24
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the limit on memory of Linux")
def test_too_little_memory_for_the_imports_is_one_line():
    done = subprocess.run([sys.executable, "-c", LITTLE_MEMORY, "schemes"], capture_output=True, text=True)
    message = "not enough memory; close other programs, raise the limit, or use fewer processes\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_limit_of_memory_below_the_needs_of_the_libraries():
    """With such a limit OpenBLAS prints its own error or the process crashes."""
    command = f'ulimit -v {600 * 1024}; exec "{sys.executable}" -m facelattice schemes'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    message = "the limit of memory for a process is 600 MB, and at least 1024 MB are needed; raise it (ulimit -v)\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_opencv_prints_nothing(tmp_path):
    command = [sys.executable, "-m", "facelattice", "schemes", "five", "-o", "five.pgm"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr == "five.pgm: an image of 900 x 900 px cannot be written as .pgm\n"


def test_program_is_a_module():
    done = subprocess.run([sys.executable, "-m", "facelattice", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "facelattice", "")
