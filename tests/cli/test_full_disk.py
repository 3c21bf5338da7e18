"""A disk that fills: exit code 1, nothing under the final name, and the run goes on after."""

import resource
import subprocess

import pytest

from result_files import differences

STUDY = """\
[sampling]
trials = 2000
[fleet]
chips = H100:16
[job]
model_parameters = 8e9
[topology]
kind = ring
"""  # results of 0.55 MB


def tmpfs(folder, size, remount=False):
    options = f"size={size}" + (",remount" if remount else "")
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "lockstep-test", str(folder)],
                          capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """Makes a file system of a given size; skips where this user may not."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def make(size):
        if not tmpfs(folder, size):
            pytest.skip("mounting a small file system is not permitted: no disk was filled")
        mounted.append(folder)
        return folder

    yield make
    for path in mounted:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def reference(lockstep):
    lockstep.write("s.ini", STUDY)
    lockstep.done("run", "s.ini", "-q", "-o", "reference.h5")
    return lockstep.folder / "reference.h5"


def check_failure(ended, reason):
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == ""
    message = ended.stderr.splitlines()[-1]
    assert message.startswith("lockstep: cannot ") and reason in message
    assert "--resume" in message
    before = [line for line in ended.stderr.splitlines()[:-1] if not line.startswith("Warning: ")]
    assert not [line for line in before if "trials/s" not in line]


# The first is full when blocks are saved, the second when the result file is put together.
@pytest.mark.parametrize("size", ["256k", "800k"])
def test_full_disk(lockstep, reference, small_disk, size):
    disk = small_disk(size)
    check_failure(lockstep("run", "s.ini", "-o", "disk/x.h5"), "No space left on device")
    assert "x.h5" not in [path.name for path in disk.iterdir()]
    assert not [path for path in disk.rglob("*.tmp")]
    assert tmpfs(disk, "16m", remount=True)
    lockstep.done("run", "s.ini", "-q", "-o", "disk/x.h5", "--resume")
    assert [path.name for path in disk.iterdir()] == ["x.h5"]
    assert differences(reference, disk / "x.h5") == []


def test_full_from_the_start(lockstep, small_disk):
    lockstep.write("s.ini", STUDY)
    disk = small_disk("4k")
    (disk / "ballast").write_bytes(b"x" * 4096)
    ended = lockstep("run", "s.ini", "-o", "disk/x.h5")
    assert ended.returncode in (1, 2) and "No space left on device" in ended.stderr
    assert [path.name for path in disk.iterdir()] == ["ballast"]


# The same without any right to mount: no file may pass 64 KiB.
def test_file_size_limit(lockstep, reference):
    limited = subprocess.run(
        [lockstep.path, "run", "s.ini", "-o", "x.h5"], cwd=lockstep.folder, text=True,
        capture_output=True, check=False, restore_signals=False, env=lockstep.environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)))
    check_failure(limited, "File too large")
    assert "x.h5" not in lockstep.names()
    lockstep.done("run", "s.ini", "-q", "-o", "x.h5", "--resume")
    assert "x.h5.part" not in lockstep.names()
    assert differences(reference, lockstep.folder / "x.h5") == []
