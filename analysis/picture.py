"""A picture as data: what a figure says, apart from who paints it. paint.py paints it for paper,
page/pictures.js in the report, from the same numbers."""

from dataclasses import dataclass, field

# Colours of Okabe and Ito, brown for their yellow, and a grey, told apart by the colour-blind; dashes
# and markers tell the lines of a panel on grey paper too, which are no more than there are of them.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F4F24",
           "#999999"]
LINES = 8


@dataclass(frozen=True)
class Look:
    colour: int = 0
    dash: int = 0
    marker: int = 0


@dataclass
class Scale:
    label: str
    log: bool = False
    ticks: list = None  # [(position, text)] of categories
    limits: tuple = None
    by_point: bool = False  # positions are numbers of design points, shown close together


@dataclass
class Series:
    """Vertices of one kind: line, step (right-continuous), drop (left-continuous), marks, bar, fill
    (closed outline). Lines of one design point each take the dash and marker of their place among
    those shown, so that no two are alike. `low` and `high` bound y (x where `across`): a band of lines, error bars of marks and bars.
    `points` numbers the design point of the series, or of each vertex; None: of none."""
    kind: str
    x: list
    y: list
    label: str = ""
    look: Look = field(default_factory=Look)
    low: list = None
    high: list = None
    across: bool = False
    base: list = None  # where bars begin, 0 by default
    points: object = None
    texts: list = None  # said of a vertex when pointed at
    legend: bool = True
    plain: bool = False  # a line without markers


@dataclass
class Panel:
    x: Scale
    y: Scale
    series: list
    title: str = ""


@dataclass
class Picture:
    title: str
    caption: str
    panels: list
    columns: int = 3
    most_points: int = 0  # design points shown at once, those evenly spread in rank; 0: all
    points: list = None  # numbers of the design points that have curves; None: all
    subject: str = ""  # what the keys are values of
    name: str = ""


class NotShown(Exception):
    """A figure that a file cannot give; the text is the reason."""


def looks(design):
    """Look of each design point: the first axis of several values gives colour, the others dash
    and marker; a lone axis gives all three."""
    several = [i for i, axis in enumerate(design.axes) if len(axis.labels) > 1]
    found = []
    for point in design.points:
        at = [point.index[i] for i in several]
        if len(at) < 2:
            found.append(look_of(at[0] if at else 0))
            continue
        rest = 0  # number among the points of the colour
        for axis, i in zip(several[1:], at[1:]):
            rest = rest * len(design.axes[axis].labels) + i
        found.append(Look(at[0] % len(COLOURS), rest % LINES, rest % LINES))
    return found


def look_of(number):
    """Look of the number-th of many: colour, dash and marker change together."""
    return Look(number % len(COLOURS), number % LINES, number % LINES)


def look_in(series, order):
    """Look of a series where the design points `order` ({number: place}) are shown."""
    if series.kind in ("line", "step", "drop") and isinstance(series.points, int):
        place = order[series.points] % LINES
        return Look(series.look.colour, place, place)
    return series.look


def representatives(ranked, most):
    """At most `most` of the ranked, evenly spread from best to worst."""
    if not most or len(ranked) <= most:
        return list(ranked)
    return [ranked[round(i * (len(ranked) - 1) / (most - 1))] for i in range(most)]
