"""Every sentence of a study's "It showed" is what its result file says, number by number."""

import os

import pytest
from study_answers import ANSWERS, text_of

# Seconds each; the others take minutes and are for label long.
QUICK = {"quickstart", "isolation", "tenancy", "ocs_slices", "mixing_tax"}
CHOSEN = sorted(ANSWERS if os.environ.get("LOCKSTEP_ALL_STUDIES") else QUICK)


def said(path):
    """The words under "It showed" of a study, in one line."""
    comments = [line.removeprefix("#").strip() for line in path.read_text().splitlines()
                if line.startswith("#")]
    return " ".join(comments).partition("It showed: ")[2]


def test_every_study_has_its_answer(repository):
    studies = {path.stem for path in (repository / "experiments/studies").glob("*.ini")}
    assert studies == set(ANSWERS)
    assert len(studies) > 10


def run(lockstep, study, *options):
    """Its result file."""
    running = lockstep.start("run", study, "-o", "result.h5", *options)
    _, errors = running.communicate(timeout=3000)
    assert running.returncode == 0, errors
    return lockstep.folder / "result.h5"


@pytest.mark.parametrize("study", CHOSEN)
def test_a_study_showed_what_it_says(lockstep, repository, study):
    path = repository / "experiments/studies" / f"{study}.ini"
    assert said(path) == text_of(study, run(lockstep, path))


def test_other_words_are_noticed(lockstep, repository):
    path = repository / "experiments/studies/quickstart.ini"
    assert said(path) != text_of("quickstart", run(lockstep, path, "--seed", 3))
