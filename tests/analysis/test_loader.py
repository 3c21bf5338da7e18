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


def test_a_folder_of_shards_is_the_merged_file(results, recwarn):
    whole = lockstep_results.load(results / "mixed.h5")
    shards = lockstep_results.load(results / "shards")
    assert len(recwarn) == 0 and shards.attrs["blocks_missing"] == 0
    assert not shards.step_time.variable._in_memory
    assert set(shards.variables) == set(whole.variables)
    for name, variable in whole.variables.items():
        numpy.testing.assert_array_equal(shards[name].values, variable.values, err_msg=name)
    part = {"topology.kind": 1, "trial": slice(5, 30)}
    numpy.testing.assert_array_equal(shards.mfu.isel(part), whole.mfu.isel(part))


def test_missing_shards_are_named_and_leave_nan(results):
    given = [results / f"shards/mixed.{i}-of-3.h5" for i in (0, 2)]
    with pytest.warns(UserWarning, match="4 of 12 blocks of trials are missing: shard 1 of 3"):
        data = lockstep_results.load(*given)
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
    (schema("0.9"), "schema version 0.9.*older"), (schema("2.0"), "schema version 2.0.*newer"),
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
    lockstep_results.load(damaged(results, tmp_path, "new.h5", schema("1.99")))


def test_shards_must_be_of_one_run_and_given_once(results, tmp_path):
    first, second = (results / f"shards/mixed.{i}-of-3.h5" for i in (0, 1))
    with pytest.raises(ResultsError, match="repeats"):
        lockstep_results.load(first, first)
    with pytest.raises(ResultsError, match="is no shard"):
        lockstep_results.load(first, results / "mixed.h5")
    other = tmp_path / "other.h5"
    shutil.copy(second, other)
    with h5py.File(other, "a") as file:
        file.attrs.modify("seed_text", "7")
    with pytest.raises(ResultsError, match="its seed_text is 7, there it is 1"):
        lockstep_results.load(first, other)
    (tmp_path / "none").mkdir()
    with pytest.raises(ResultsError, match="holds no shards"):
        lockstep_results.load(tmp_path / "none")
