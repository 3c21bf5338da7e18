"""The design of a study as its results hold it: axes, design points, and what was measured."""

import itertools
import re
from dataclasses import dataclass

import numpy

from lockstep_results import ResultsError

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

    def said(self, label):
        """A value in a sentence: "tree", "proportional work", "spares 128"."""
        if self.name in ("topology.kind", "fleet.chips"):
            return label
        return f"{label} work" if self.name == "job.work_share" else f"{self.title} {label}"


@dataclass(frozen=True)
class Point:
    number: int  # row-major over the axes, the last running fastest
    index: tuple
    labels: tuple
    text: str  # labels of the axes that have several values
    words: str  # the same in a sentence


class Design:
    """Axes and design points over a Dataset of the loader. `choices` ({axis: [value, ...]}, as
    written or as read) keeps some values only; `timeline` is the CSV file of one trial's events,
    if there is one."""

    def __init__(self, data, choices=None, timeline=None):
        self.timeline = timeline
        self.data = _only(data, choices or {})
        self.axes = [_axis(self.data, name) for name in _axis_names(data)]
        self.points = []
        for index in itertools.product(*(range(len(axis.labels)) for axis in self.axes)):
            labels = tuple(axis.labels[i] for axis, i in zip(self.axes, index))
            several = [(l, axis) for l, axis in zip(labels, self.axes) if len(axis.labels) > 1]
            self.points.append(Point(len(self.points), index, labels,
                                     ", ".join(l for l, _ in several) or "all trials",
                                     ", ".join(axis.said(l) for l, axis in several)))

    @property
    def title(self):
        return str(self.data.attrs.get("title", ""))

    @property
    def generations(self):
        return [str(g) for g in self.data["chip_generation"].values] \
            if "chip_generation" in self.data.dims else []

    @property
    def inputs(self):
        """Uncertain inputs: keys whose drawn values the file holds."""
        return [name.removeprefix("input.") for name in self.data.data_vars
                if name.startswith("input.")]

    def axis(self, name):
        """Position of the axis of that name among the axes, or None."""
        names = [axis.name for axis in self.axes]
        return names.index(name) if name in names else None

    def has(self, name):
        return name in self.data

    def raw(self, point, name):
        """Values of one design point, (trials, ...): read from the file now."""
        where = {axis.name: i for axis, i in zip(self.axes, point.index)}
        return self.data[name].isel(where).values

    def trials(self, point, name):
        """One value a trial: the mean over its steps."""
        values = self.raw(point, name)
        return values.reshape(values.shape[0], -1).mean(axis=1) if values.ndim > 1 else values

    def known(self, point, name):
        """What is known of a design point before any trial (a number or a text)."""
        return self.raw(point, name)[()]

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


def _axis_names(data):
    """The dimensions before `trial` of any variable that has trials."""
    dims = next(v.dims for v in data.data_vars.values() if "trial" in v.dims)
    return list(dims[:dims.index("trial")])


def _axis(data, name):
    variable = data[name]
    written = _written(data, name)
    keys = name.split(",")
    shown = written
    if len(keys) > 1:  # linked keys: the first that tells all values apart stands for them
        parts = [_parts(text) for text in written]
        column = next((i for i in range(len(keys))
                       if len({row[i] for row in parts}) == len(parts)), None)
        if column is not None:
            shown, keys = [row[column] for row in parts], [keys[column]]
    title = {"topology.kind": "topology", "fleet.chips": "fleet"}.get(
        keys[0], " and ".join(key.split(".")[-1].replace("_", " ") for key in keys))
    if keys == ["fleet.chips"]:
        numbers = [float(sum(chips(text).values())) for text in shown]
    elif variable.dtype.kind == "f":
        numbers = [float(value) for value in numpy.atleast_1d(variable.values)]
    else:
        numbers = [number_of(text) for text in shown]
    labels = [_label(keys[0], text) for text in shown]
    if len(set(labels)) < len(labels):  # rounded too far to be told apart
        labels = written
    return Axis(name, title, tuple(labels), tuple(written), tuple(numbers),
                str(variable.attrs.get("units", "")))


def _parts(text):
    """Values of linked keys, "(8, uniform(low=1, high=2))": commas in quotes or a law part none."""
    found = re.findall(r'(?:"[^"]*"|\((?:[^()]|\([^()]*\))*\)|[^,"(])+', text[1:-1])
    return [part.strip().strip('"') for part in found]


def _written(data, name):
    all_labels = str(data[name].attrs.get("labels", "")).split("\n")
    if len(all_labels) == data[name].size:
        return all_labels
    return [str(value) for value in numpy.atleast_1d(data[name].values)]


def _label(key, text):
    if key == "fleet.chips":
        return " + ".join(f"{number:,} {name}" for name, number in chips(text).items()) or text
    try:
        number = float(text)
    except ValueError:
        return re.sub(r"^constant\(value=(.*)\)$", r"\1", text)
    return count(number) if abs(number) >= 1e4 else text


def _only(data, choices):
    """The Dataset with the chosen values of its axes alone."""
    kept = {}
    for name, wanted in choices.items():
        if name not in _axis_names(data):
            raise ResultsError(f"{name} is no axis of the study (they are "
                               f"{', '.join(_axis_names(data)) or 'none'})")
        axis = _axis(data, name)
        for value in wanted:
            if value not in axis.written + axis.labels:
                raise ResultsError(f"{value} is no value of {name} (they are "
                                   f"{'; '.join(axis.written)})")
        kept[name] = {i: axis.written[i] for i in range(len(axis.written))
                      if {axis.written[i], axis.labels[i]} & set(wanted)}
    data = data.isel({name: list(values) for name, values in kept.items()})
    for name, values in kept.items():
        data[name].attrs["labels"] = "\n".join(values.values())
    return data
