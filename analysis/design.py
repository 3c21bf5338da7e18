"""The design of a study as its results hold it: axes, design points, and what was measured."""

import dataclasses
import itertools
import re
from dataclasses import dataclass

from lockstep_results import ResultsError

# Words that values of an axis may be beside numbers.
WORDS_OF_NO_LIMIT = {"unlimited", "never"}
WORDS_OF_NOTHING = {"none"}
WORDS_OF_CHOICE = {"optimal", "auto"}
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400,
         "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "B": 1}


@dataclass(frozen=True)
class Axis:
    name: str  # dimension of the file
    title: str  # in words
    labels: tuple  # values as people read them
    written: tuple  # values as the study wrote them
    numbers: tuple  # in SI units, None where a value is no number
    unit: str

    @property
    def ordered(self):
        return len({number for number in self.numbers if number is not None}) >= 2

    @property
    def numeric(self):
        return None not in self.numbers

    def only(self, indices):
        """The axis with these of its values."""
        kept = {name: tuple(getattr(self, name)[i] for i in indices)
                for name in ("labels", "written", "numbers")}
        return dataclasses.replace(self, **kept)

    def said(self, label):
        """A value in a sentence: "tree", "proportional work", "spares 128"."""
        if self.name in ("topology.kind", "fleet.chips"):
            return label
        return f"{label} work" if self.name == "job.work_share" else f"{self.title} {label}"


@dataclass(frozen=True)
class Point:
    number: int  # row-major over the axes, the last running fastest
    at: int  # the same number in the file, where values of an axis are left out
    index: tuple
    labels: tuple
    text: str  # labels of the axes that have several values
    words: str  # the same in a sentence


class Design:
    """Axes and design points of a result file: `data` is its Dataset, of which texts are read, and
    `summary` what the program says of it. `choices` ({axis: [value, ...]}, as written or as read)
    keeps some values only; `timeline` is the CSV file of one trial's events, if there is one;
    `curves` bounds the design points that curves are asked for."""

    def __init__(self, data, summary, choices=None, timeline=None, curves=8):
        self.data, self.summary, self.timeline, self.curves = data, summary, timeline, curves
        whole = _axes(summary.axes)
        kept = _kept(whole, choices or {})
        self.axes = [axis.only(indices) for axis, indices in zip(whole, kept)]
        self.points = []
        for index in itertools.product(*(range(len(axis.labels)) for axis in self.axes)):
            labels = tuple(axis.labels[i] for axis, i in zip(self.axes, index))
            several = [(l, axis) for l, axis in zip(labels, self.axes) if len(axis.labels) > 1]
            at = 0
            for axis, indices, i in zip(whole, kept, index):
                at = at * len(axis.labels) + indices[i]
            self.points.append(Point(len(self.points), at, index, labels,
                                     ", ".join(l for l, _ in several) or "all trials",
                                     ", ".join(axis.said(l) for l, axis in several)))

    @property
    def title(self):
        return str(self.data.attrs.get("title", ""))

    @property
    def subject(self):
        """What the texts of the design points are values of: "topology, work share"."""
        return ", ".join(axis.title for axis in self.axes if len(axis.labels) > 1)

    @property
    def generations(self):
        return [str(g) for g in self.data["chip_generation"].values] \
            if "chip_generation" in self.data.dims else []

    @property
    def inputs(self):
        """Uncertain inputs: keys whose drawn values the file holds."""
        return [name.removeprefix("input.") for name in self.summary.units
                if name.startswith("input.")]

    def axis(self, name):
        """Position of the axis of that name among the axes, or None."""
        names = [axis.name for axis in self.axes]
        return names.index(name) if name in names else None

    def estimate(self, point, variable, statistic="mean", element=None, factor=1):
        """A statistic of a variable at a design point, times `factor`."""
        return self.summary.estimate(variable, point.at, statistic, element, factor)

    def row(self, point, variable, element=None):
        """All that the program says of a variable at a design point, in the file's unit."""
        return self.summary.row(variable, point.at, element)

    def trials(self, point):
        """How many there are."""
        return self.summary.points[point.at]["trials"]

    def course(self, point, name):
        """A variable's values at a design point, of the first trial that has some; or None."""
        if name not in self.data:
            return None
        array = self.data[name]
        at, place = point.at, []
        for size in reversed(array.shape[:array.dims.index("trial")]):
            at, index = divmod(at, size)
            place.insert(0, index)
        held = [row for row in array[tuple(place)].values if (row == row).any()]  # NaN: kept none
        return held[0] if held else None

    def known(self, point, name):
        """What is known of a design point before any trial (a number or a text), or None."""
        return self.summary.points[point.at]["known"].get(name)

    def series(self, part, variables, points):
        """Curves of some variables at some design points: [(point, row of the program), ...]."""
        mine = {point.at: point for point in points}
        return [(mine[row["point"]], row)
                for row in self.summary.series(part, variables, list(mine))]

    def groups(self, over):
        """Design points in rows along the axis at position `over`: {labels of the others: row}."""
        rows = {}
        for point in self.points:
            others = tuple(l for i, l in enumerate(point.labels) if i != over)
            rows.setdefault(others, []).append(point)
        return rows


def parameters(data):
    """Resolved parameters as {key: text}."""
    lines = str(data.attrs.get("resolved_parameters", "")).splitlines()
    return dict(line.split(" =", 1) for line in lines if " =" in line)


def count(number):
    """A count as people read it: 8e9 is 8B."""
    for factor, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if abs(number) >= factor:
            return f"{number / factor:.4g}{letter}"
    return f"{number:,.12g}"


def chips(fleet):
    """{generation: chips} of a fleet as written, "H100:512, GB200:512"."""
    found = {}
    for name, number in re.findall(r"([\w.]+)\s*:\s*(\d+)", fleet):
        found[name] = found.get(name, 0) + int(number)
    return found


def number_of(text):
    """Value in SI units of a bare number or quantity, None of anything else."""
    found = re.fullmatch(r"([-+.\deE]+?)\s*([A-Za-z]*)", text.strip())
    if not found or (found[2] and found[2] not in UNITS):
        return None
    try:
        return float(found[1]) * UNITS.get(found[2], 1)
    except ValueError:
        return None


def _axes(told):
    """Axes of what the program says of them, with titles that tell them apart."""
    found = [_axis(axis) for axis in told]
    titles = _titles([keys for _, keys in found])
    return [dataclasses.replace(axis, title=title) for (axis, _), title in zip(found, titles)]


def _axis(told):
    """An axis without its title, and the keys that stand for it."""
    written, keys = told["labels"], told["key"].split(",")
    shown = written
    if len(keys) > 1:  # linked keys: the first that tells all values apart stands for them
        parts = [_parts(text) for text in written]
        column = next((i for i in range(len(keys))
                       if len({row[i] for row in parts}) == len(parts)), None)
        if column is not None:
            shown, keys = [row[column] for row in parts], [keys[column]]
    if keys == ["fleet.chips"]:
        numbers = [float(sum(chips(text).values())) for text in shown]
    else:
        numbers = told["numbers"] or [number_of(text) for text in shown]
    labels = [_label(keys[0], text) for text in shown]
    if len(set(labels)) < len(labels):  # rounded too far to be told apart
        labels = written
    return Axis(told["key"], "", tuple(labels), tuple(written), tuple(numbers),
                told["units"]), keys


def _titles(axes):
    """A title of each list of keys: their last words, and as many before them as tell the titles
    apart: "H100 peak" beside "H200 peak"."""
    def of(keys, words):
        told = [{"topology.kind": "topology", "fleet.chips": "fleet"}.get(
            key, " ".join(key.split(".")[-words:]).replace("_", " ")) for key in keys]
        return " and ".join(told)

    words = [1] * len(axes)
    for _ in range(max((key.count(".") for keys in axes for key in keys), default=0)):
        titles = [of(keys, n) for keys, n in zip(axes, words)]
        words = [n + (titles.count(title) > 1 or len(set(title.split(" and "))) < len(keys))
                 for keys, n, title in zip(axes, words, titles)]
    return [of(keys, n) for keys, n in zip(axes, words)]


def _parts(text):
    """Values of linked keys, "(8, uniform(low=1, high=2))": commas in quotes or a law part none."""
    found = re.findall(r'(?:"[^"]*"|\((?:[^()]|\([^()]*\))*\)|[^,"(])+', text[1:-1])
    return [part.strip().strip('"') for part in found]


def _label(key, text):
    if key == "fleet.chips":
        return " + ".join(f"{number:,} {name}" for name, number in chips(text).items()) or text
    try:
        number = float(text)
    except ValueError:
        return re.sub(r"^constant\(value=(.*)\)$", r"\1", text)
    return count(number) if abs(number) >= 1e4 else text


def _kept(axes, choices):
    """Positions of the values kept of each axis."""
    names = [axis.name for axis in axes]
    for name in choices:
        if name not in names:
            raise ResultsError(f"{name} is no axis of the study (they are "
                               f"{', '.join(names) or 'none'})")
    kept = []
    for axis in axes:
        wanted = choices.get(axis.name, axis.written)
        for value in wanted:
            if value not in axis.written + axis.labels:
                raise ResultsError(f"{value} is no value of {axis.name} (they are "
                                   f"{'; '.join(axis.written)})")
        kept.append([i for i in range(len(axis.labels))
                     if {axis.written[i], axis.labels[i]} & set(wanted)])
    return kept
