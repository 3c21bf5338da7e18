"""Kills and starves the writer at every write call: nothing that was reported saved is lost."""

import signal

import pytest


def saved(done):
    """The last number of blocks the program reported as safe."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("saved ")]
    return int(lines[-1].split()[1]) if lines else 0


def first_saved(done):
    return int(done.stdout.splitlines()[0].split()[1])


def leftovers(sample, name):
    return sorted(p.name for p in sample.folder.iterdir() if p.name.startswith(name) and p.name != name)


@pytest.mark.parametrize("way", ["KILL_AT", "TEAR_AT"])
@pytest.mark.parametrize("shard", [(), ("--shard", "1/2")])
def test_killed_at_every_write_call(sample, way, shard):
    sample("run", "whole.h5", *shard)
    whole = sample.path("whole.h5").read_bytes()
    calls = sample.calls("run", "counted.h5", *shard)
    assert calls > 40
    for n in range(1, calls + 1):
        name = f"k{n}.h5"
        killed = sample("run", name, *shard, code=-signal.SIGKILL, **{way: n})
        if sample.path(name).exists():
            assert sample.path(name).read_bytes() == whole, n
        if n % 3 == 0:  # a second kill, at the same call of the second session
            again = sample("run", name, "--resume", *shard, code=None, **{way: n})
            assert first_saved(again) >= saved(killed), n
            killed = again
        resumed = sample("run", name, "--resume", *shard)
        assert first_saved(resumed) >= saved(killed), n
        assert sample.path(name).read_bytes() == whole, n
        assert leftovers(sample, name) == [], n


@pytest.mark.parametrize("shard", [(), ("--shard", "1/2")])
def test_disk_full_at_every_write_call(sample, shard):
    sample("run", "whole.h5", *shard)
    whole = sample.path("whole.h5").read_bytes()
    calls = sample.calls("run", "counted.h5", *shard)
    assert calls > 40
    for n in range(1, calls + 1):
        name = f"f{n}.h5"
        full = sample("run", name, *shard, code=1, FULL_AT=n)
        assert full.stderr.count("\n") == 1 and "No space left on device" in full.stderr, full.stderr
        assert "go on with --resume" in full.stderr
        assert not sample.path(name).exists(), n
        resumed = sample("run", name, "--resume", *shard)
        assert first_saved(resumed) >= saved(full), n
        assert sample.path(name).read_bytes() == whole, n
        assert leftovers(sample, name) == [], n


def test_merge_killed_or_out_of_space_leaves_no_output(sample):
    shards = sample.shards(3)
    sample("merge", "whole.h5", *shards)
    whole = sample.path("whole.h5").read_bytes()
    calls = sample.calls("merge", "counted.h5", *shards)
    assert calls > 20
    for n in range(1, calls + 1):
        for way, code in (("KILL_AT", -signal.SIGKILL), ("FULL_AT", 1)):
            name = f"{way}{n}.h5"
            broken = sample("merge", name, *shards, code=code, **{way: n})
            assert code != 1 or broken.stderr.endswith("remove the cause and merge again\n")
            if sample.path(name).exists():  # killed between the last rename and the end
                assert way == "KILL_AT" and sample.path(name).read_bytes() == whole, n
                continue
            sample("merge", name, *shards)
            assert sample.path(name).read_bytes() == whole, n
