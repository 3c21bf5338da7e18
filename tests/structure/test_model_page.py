"""engine/MODEL.md names what the code has: paths, purposes of random numbers, laws, topologies."""

import re

import pytest

# Rooms of the engine without formulas of the model: their page is FORMAT.md.
WITHOUT = {"storage"}
PATH = r"`((?:engine|topologies|experiments|analysis|tests)/[\w./]+)`"


def enumerators(text, name):
    """Of `enum class name` in a header."""
    body = re.search(rf"enum class {name}\b[^{{]*\{{(.*?)\}};", text, re.S).group(1)
    return re.findall(r"^\s*(\w+)\s*(?:=|,)", body, re.M)


def named(pattern, folder, files):
    """What `pattern` finds in the files of a folder."""
    return [name for path in sorted(folder.glob(files))
            for name in re.findall(pattern, path.read_text())]


def declared_purposes(repository):
    """[(name, number)] of the purposes of random numbers, each declared by its owner."""
    return [(name, int(number)) for room in ("engine", "topologies")
            for path in sorted((repository / room).rglob("*.[ch]pp"))
            for name, number in re.findall(r"\bPurpose (\w+)\{(\d+)\}", path.read_text())]


def listed_purposes(page):
    """The same of the page's table."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\d[\d, ]*) \|", page, re.M)
    return [(name, int(number)) for names, numbers in rows
            for name, number in zip(re.findall(r"\w+", names), numbers.split(","), strict=True)]


def purpose_problems(declared, listed):
    """What the list lacks or has wrongly, and what is there twice."""
    found = [f"not listed as declared: {name} {number}"
             for name, number in sorted(set(declared) ^ set(listed))]
    for place in (0, 1):
        for what in (declared, listed):
            values = [one[place] for one in what]
            found += [f"twice: {value}" for value in sorted(set(values)) if values.count(value) > 1]
    return found


def expected(repository):
    """By kind, the words that the page must have in a code span."""
    engine = repository / "engine"
    return {
        "causes": enumerators((engine / "reliability/loss_cause.hpp").read_text(), "LossCause"),
        "laws": named(r'return \{\s*"(\w+)",', engine / "base/distributions", "*.cpp"),
        "topologies": named(r"extern const TopologyKind (\w+)_topology;",
                            repository / "topologies", "*.hpp"),
    }


def problems(page, repository):
    """What the page lacks, and what it names that is not there."""
    spans = " ".join(re.findall(r"`([^`\n]+)`", page))
    words = set(re.findall(r"\w+", spans))
    paths = re.findall(PATH, page)
    found = [f"{kind}: {name}" for kind, names in expected(repository).items()
             for name in names if name not in words]
    found += [f"no such file: {path}" for path in paths if not (repository / path).is_file()]
    rooms = [f"engine/{path.name}" for path in (repository / "engine").iterdir()
             if path.is_dir() and path.name not in WITHOUT]
    for room in [*rooms, "topologies/wiring", "topologies/algorithms"]:
        if not any(path.startswith(room + "/") for path in paths):
            found.append(f"room: {room}")
    return found


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "engine/MODEL.md").read_text()


def test_the_page_names_all_and_nothing_else(page, repository):
    assert problems(page, repository) == []
    assert len(re.findall(PATH, page)) > 80
    least = {"causes": 8, "laws": 10, "topologies": 6}
    assert {kind: len(names) >= least[kind]
            for kind, names in expected(repository).items()} == dict.fromkeys(least, True)


# The check above can fail: each of these leaves something out, or names what is not there.
@pytest.mark.parametrize("old, new, problem", [
    ("`slow_members`", "", "causes: slow_members"),
    ("`pareto`", "`power`", "laws: pareto"),
    ("`hierarchical_ring`", "`hierarchy`", "topologies: hierarchical_ring"),
    ("`engine/job/job.cpp`", "`engine/job/jobs.cpp`", "no such file: engine/job/jobs.cpp"),
    ("engine/network/", "engine/net/", "room: engine/network"),
])
def test_what_is_missing_is_found(page, repository, old, new, problem):
    assert old in page
    found = problems(page.replace(old, new), repository)
    assert problem in found


def test_purposes_are_unique_and_listed_once(page, repository):
    declared = declared_purposes(repository)
    assert purpose_problems(declared, listed_purposes(page)) == []
    assert len(declared) >= 24


@pytest.mark.parametrize("old, new, problem", [
    ("| `host_state` | 40 |", "| `host` | 40 |", "not listed as declared: host_state 40"),
    ("| `host_state` | 40 |", "| `host_state` | 41 |", "not listed as declared: host_state 41"),
    ("| 5, 6 |", "| 5, 5 |", "twice: 5"),
    ("| `repair` |", "| `spike` |", "twice: spike"),
])
def test_a_wrong_list_of_purposes_is_found(page, repository, old, new, problem):
    assert old in page
    assert problem in purpose_problems(declared_purposes(repository),
                                       listed_purposes(page.replace(old, new)))


def test_a_purpose_declared_twice_is_found(page):
    listed = listed_purposes(page)
    assert purpose_problems([*listed, ("another", 5)], [*listed, ("another", 5)]) == [
        "twice: 5", "twice: 5"]


def test_the_page_reads_as_plain_text(page):
    lines = page.splitlines()
    assert [line for line in lines if len(line) > 100] == []
    assert len(lines) <= 560
    assert [line for line in lines if "$" in line or "\\" in line] == []
    assert [line for line in lines if line.count("`") % 2] == []


@pytest.mark.parametrize("from_page, link", [
    ("README.md", "(engine/MODEL.md)"),
    ("engine/storage/FORMAT.md", "(../MODEL.md)"),
])
def test_other_pages_link_to_it(repository, from_page, link):
    assert link in (repository / from_page).read_text()
