"""Each fuzz target for a minute, from a corpus made of what the project ships and writes."""

import os
import pathlib
import re
import subprocess

import pytest

SECONDS = 60
BUILD = pathlib.Path(os.environ["LOCKSTEP_SANITIZERS"])
CSV = {
    "delays": b"us\n3\n1\n\n2 # twice\r\n2\n",
    "dressed": b"\xef\xbb\xbf# measured in May\r\n\"us\" # unit\r\n3\r\n2\r\n",
    "bare": b"0.5\n1e3\n",
    "nodes": b"node,generation,chips,relative_speed\nn1,H100,8,1\nn2,\"H100\",8,0.97\n",
    "inventory": b"rack,node,relative_speed,generation,chips\n\"1,#\",a,1.02,GB200,72\n2,b,1,H200,8\n",
}


@pytest.fixture
def results(lockstep):
    """A small results file and a shard of the same run."""
    study = lockstep.write("small.ini", "[sampling]\ntrials = 4\nsteps = 2\nblock = 2\n[fleet]\n"
                           "chips = H100:16, GB200:16\n[sweep]\ntopology.kind = ring, tree\n")
    lockstep.done("run", study, "-q", "-o", "small.h5")
    lockstep.done("run", study, "-q", "-o", "shard.h5", "--shard", "0/2")
    return [lockstep.folder / "small.h5", lockstep.folder / "shard.h5"]


def fuzz(name, folder, corpus, dictionary, **variables):
    """Runs the target, which must find nothing and do something."""
    seeds = folder / "seeds"
    seeds.mkdir()
    for number, seed in enumerate(corpus):
        (seeds / str(number)).write_bytes(seed)
    (folder / "words").write_text("".join(f'"{word}"\n' for word in dictionary))
    found = BUILD / "findings" / name
    found.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        [BUILD / "tests" / f"fuzz_{name}", seeds, f"-max_total_time={SECONDS}", "-seed=1",
         "-timeout=60", "-rss_limit_mb=4096", f"-artifact_prefix={found}/", "-dict=words",
         "-print_final_stats=1"],
        cwd=folder, text=True, errors="replace", capture_output=True, check=False,
        env={**os.environ, **variables})
    assert ended.returncode == 0, ended.stderr[-8000:]
    executed = int(re.search(r"number_of_executed_units: (\d+)", ended.stderr).group(1))
    print(f"{name}: {executed} inputs")
    assert executed > 10 * len(corpus)


def test_study_text(repository, lockstep, tmp_path):
    studies = [path.read_bytes() for path in sorted((repository / "experiments/studies").glob("*.ini"))]
    assert len(studies) > 5
    keys = re.findall(r"^[a-z_]+\.[a-z_*]+\.?[a-z_]*", lockstep.done("list", "parameters").stdout, re.M)
    assert len(keys) > 50
    fuzz("study_text", tmp_path, studies, sorted({word for key in keys for word in key.split(".")} - {"*"}))


def test_result_file(results, tmp_path):
    files = [b"f" + path.read_bytes() for path in results]
    scripts = [b"e" + bytes((7 * i * i + step) % 256 for i in range(40)) for step in range(64)]
    fuzz("result_file", tmp_path, files + scripts, ["OHDR", "OCHK", "labels", "step", "cause"],
         LOCKSTEP_FUZZ_RESULT=str(results[0]))


def test_csv(tmp_path):
    fuzz("csv", tmp_path, CSV.values(), ["node", "generation", "chips", "relative_speed", "H100", "us"])
