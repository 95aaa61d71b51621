from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from facelattice.atomic_files import atomic_write, publish, temporary_path, write_file

MAKE_TEMPORARY = (
    "import sys, time; from pathlib import Path; from facelattice.atomic_files import temporary_path\n"
    "temporary = temporary_path(Path(sys.argv[1]) / 'a.txt'); temporary.touch(); print(temporary.name, flush=True)\n"
    "time.sleep(float(sys.argv[2]))\n"
)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_exception_keeps_the_old_file(tmp_path, error):
    file = tmp_path / "a.txt"
    file.write_text("old", encoding="utf-8")

    def write():
        with atomic_write(file) as out:
            out.write("half")
            out.flush()
            assert file.read_text(encoding="utf-8") == "old"
            raise error

    with pytest.raises(error):
        write()
    assert os.listdir(tmp_path) == ["a.txt"]
    assert file.read_text(encoding="utf-8") == "old"


def test_text_and_bytes_in_a_new_folder(tmp_path):
    write_file(tmp_path / "new" / "a.txt", "ä\n")
    write_file(tmp_path / "new" / "b.bin", b"\x00\r\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\xc3\xa4\n"
    assert (tmp_path / "new" / "b.bin").read_bytes() == b"\x00\r\n"
    assert sorted(os.listdir(tmp_path / "new")) == ["a.txt", "b.bin"]


def test_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    with atomic_write(tmp_path / "ours"):
        pass
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_of_a_file_stay(tmp_path):
    (tmp_path / "a.txt").touch(0o640)
    write_file(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "new"
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_file_without_the_permission_to_write_is_kept():
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # the folders above tmp_path are closed to other users
        file = Path(folder, "a.txt")
        file.write_text("old", encoding="utf-8")
        file.chmod(0o444)
        Path(folder).chmod(0o777)
        try:
            if user == 0:  # who may write everything
                os.seteuid(65534)
            with pytest.raises(PermissionError) as caught, atomic_write(file):
                pytest.fail("the block has run")
        finally:
            os.seteuid(user)
        assert caught.value.filename == str(file)
        assert file.read_text(encoding="utf-8") == "old"


def test_folder_is_rejected_before_the_work(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder") as caught, atomic_write(tmp_path / "folder"):
        pytest.fail("the block has run")
    assert caught.value.filename == str(tmp_path / "folder")


def test_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as caught, atomic_write(tmp_path / "file" / "a.txt", overwrite=False):
        pytest.fail("the block has run")
    assert caught.value.filename == str(tmp_path / "file")


def test_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError, match="No space left") as caught, atomic_write(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(caught.value) == f"[Errno {errno.ENOSPC}] No space left on device: '{tmp_path / 'a.txt'}'"
    assert os.listdir(tmp_path) == []


def test_failed_rename_names_the_file(tmp_path, monkeypatch):
    def fail(source, target):
        raise OSError(errno.EROFS, "Read-only file system", source, None, target)

    def fail_too(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(Path, "unlink", fail_too)  # a failing clean-up must not hide the error
    with pytest.raises(OSError, match="Read-only") as caught, atomic_write(tmp_path / "a.txt"):
        pass
    assert caught.value.filename == str(tmp_path / "a.txt")


def test_other_errors_of_the_block_are_not_changed(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "a.txt"):
        open(tmp_path / "missing", encoding="utf-8").close()
    assert caught.value.filename == str(tmp_path / "missing")
    with pytest.raises(OSError, match=r"^a reason$"), atomic_write(tmp_path / "a.txt"):
        raise OSError("a reason")


@pytest.mark.parametrize("hard_links", [True, False])
def test_existing_file_is_kept_without_overwrite(tmp_path, monkeypatch, hard_links):
    def fail(*arguments):
        raise OSError(errno.EPERM, "Operation not permitted")

    if not hard_links:
        monkeypatch.setattr(os, "link", fail)
    write_file(tmp_path / "a.txt", "first", overwrite=False)
    with pytest.raises(FileExistsError) as caught, atomic_write(tmp_path / "a.txt", overwrite=False) as out:
        out.write("second")
    assert caught.value.filename == str(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "first"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_link_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "disk" / "a.txt")
    for text in ("new", "newer"):
        write_file(tmp_path / "link.txt", text)
        assert (tmp_path / "link.txt").is_symlink()
        assert (tmp_path / "disk" / "a.txt").read_text(encoding="utf-8") == text
    assert os.listdir(tmp_path / "disk") == ["a.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_fifo_is_written_directly(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    write_file(tmp_path / "fifo", "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert (tmp_path / "fifo").is_fifo()
    with pytest.raises(OSError, match="is not a regular file"):
        temporary_path(tmp_path / "fifo")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_device_is_named():
    with pytest.raises(OSError, match="No space left") as caught, atomic_write("/dev/full") as out:
        out.write("text")
    assert caught.value.filename == "/dev/full"


def test_temporary_file_becomes_the_file(tmp_path):
    temporary = temporary_path(tmp_path / "a.bin")
    temporary.write_bytes(b"data")
    publish(temporary, tmp_path / "a.bin")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.bin": b"data"}


@pytest.mark.skipif(os.name == "nt", reason="on Windows the age alone decides")
def test_temporary_files_of_dead_processes_are_removed(tmp_path):
    command = [sys.executable, "-c", MAKE_TEMPORARY, str(tmp_path)]
    subprocess.run([*command, "0"], check=True, stdout=subprocess.DEVNULL)
    running = subprocess.Popen([*command, "60"], stdout=subprocess.PIPE, text=True)
    try:
        name = running.stdout.readline().strip()
        machine = name.split("-")[1]
        fresh, old = (name.replace(machine, other) for other in ("00000000", "11111111"))  # of other machines
        for path in (tmp_path / fresh, tmp_path / old):
            path.touch()
        os.utime(tmp_path / old, (0, 0))
        with atomic_write(tmp_path / "a.txt"):
            pass
    finally:
        running.kill()
        running.communicate()
    assert sorted(os.listdir(tmp_path)) == sorted([name, fresh, "a.txt"])
