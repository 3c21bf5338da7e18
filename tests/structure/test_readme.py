"""What the README prints is what the project has."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_example_topology_is_the_one_under_test():
    example = re.search(r"^class Chain .*?^\};$", README, re.S | re.M).group(0)
    compiled = (ROOT / "tests/invariants/example_topology_test.cpp").read_text()
    assert example in compiled
    block = re.search(r"```cpp\n(.*?)```", README, re.S).group(1)
    assert 30 < sum(bool(line.strip()) for line in block.splitlines()) <= 60


def test_studies_named_are_the_studies_there():
    named = set(re.findall(r"^\| `(\w+)` \|", README, re.M))
    there = {path.stem for path in (ROOT / "experiments/studies").glob("*.ini")}
    assert named == there and len(there) > 5


def test_every_study_asks_and_answers():
    for path in (ROOT / "experiments/studies").glob("*.ini"):
        text = path.read_text()
        assert text.startswith("# ") and "?" in text.split("\n\n")[0].split("\ntitle")[0], path.name
        assert "\n# It showed" in text, path.name


@pytest.mark.parametrize("start, path", [
    ("{&Noise::spike_probability", "engine/noise/noise.cpp"),
    ('{{{"compute_time"', "engine/training/training_metrics.cpp"),
    ('{.name = "pipeline"', "engine/training/phases/phase_table.cpp"),
    ("std::unique_ptr<Collective> make_ring", "topologies/ring.cpp"),
    ("/// What chips do with the time", "tests/unit/capability_test.cpp"),
])
def test_examples_are_code_that_is_compiled(start, path):
    blocks = [block for block in re.findall(r"```cpp\n(.*?)```", README, re.S)
              if block.startswith(start)]
    assert len(blocks) == 1
    lines = [line.strip() for line in (ROOT / path).read_text().splitlines()]
    shown = [line.strip() for line in blocks[0].splitlines()]
    assert any(lines[at:at + len(shown)] == shown for at in range(len(lines)))
