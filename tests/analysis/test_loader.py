"""The loader: good files, unmerged shards, and one clear line for everything else."""

import shutil

import h5py
import numpy
import pytest

import lockstep_results
from lockstep_results import ResultsError


def test_a_file_is_a_dataset_read_when_asked_for(results):
    data = lockstep_results.load(results / "mixed.h5")
    assert data.step_time.dims == ("topology.kind", "job.work_share", "trial", "step")
    assert not data.step_time.variable._in_memory
    assert data.step_time.isel({"topology.kind": 0, "trial": 3}).values.shape == (2, 3)
    assert not data.step_time.variable._in_memory
    assert not numpy.isnan(data.step_time.values).any()


def test_a_shard_says_what_it_lacks_and_leaves_nan(results):
    with pytest.warns(UserWarning, match=r"8 of 12 blocks of trials are missing"):
        data = lockstep_results.load(results / "shards/mixed.0-of-3.h5")
    missing = numpy.isnan(data.mfu.values)
    assert 0 < missing.sum() < missing.size


def damaged(results, tmp_path, name, change):
    path = tmp_path / name
    shutil.copy(results / "mixed.h5", path)
    change(path)
    return path


def schema(version):
    def change(path):
        with h5py.File(path, "a") as file:
            file.attrs.modify("lockstep_schema_version", version)
    return change


def truncate(path):
    path.write_bytes(path.read_bytes()[:20_000])


def other_type(path):
    path.unlink()
    h5py.File(path, "w").close()


@pytest.mark.parametrize("change, words", [
    (schema("0.9"), "schema version 0.9.*older"), (schema("4.0"), "schema version 4.0.*newer"),
    (truncate, "no readable HDF5.*truncated"), (other_type, "no Lockstep result file"),
    (lambda path: path.write_bytes(b""), "is empty"),
    (lambda path: path.write_text("title = A study\n"), "no readable HDF5"),
    (lambda path: path.unlink(), "does not exist"),
])
def test_bad_files_get_one_line(results, tmp_path, change, words):
    with pytest.raises(ResultsError, match=words) as caught:
        lockstep_results.load(damaged(results, tmp_path, "bad.h5", change))
    assert "\n" not in str(caught.value) and "bad.h5" in str(caught.value)


def test_a_newer_minor_version_is_read(results, tmp_path):
    lockstep_results.load(damaged(results, tmp_path, "new.h5", schema("3.99")))
