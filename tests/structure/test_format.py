"""The sources are as clang-format 14 writes them, which .ci/format checks."""

import re
import subprocess

import pytest


def check(repository, *files):
    ended = subprocess.run([repository / ".ci/format", *files], text=True, capture_output=True,
                           check=False, timeout=300)
    if ended.returncode == 77:
        pytest.skip(ended.stderr)
    return ended


def test_the_sources_are_formatted(repository):
    ended = check(repository)
    assert ended.returncode == 0, ended.stderr
    assert int(re.match(r"(\d+) files are formatted", ended.stdout).group(1)) > 300


def test_another_format_is_refused(repository, tmp_path):
    (tmp_path / ".clang-format").write_bytes((repository / ".clang-format").read_bytes())
    file = tmp_path / "x.cpp"
    file.write_text("int x = 1;\n")
    assert check(repository, file).returncode == 0
    file.write_text("int x=1;\n")
    ended = check(repository, file)
    assert ended.returncode == 1 and "x.cpp:1:" in ended.stderr
