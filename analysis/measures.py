"""What a study is judged by, and how its numbers are written."""

import math
from dataclasses import dataclass

from design import chips


LOPSIDED = 4  # times as far: a limit for which ± would say something wrong of the other


@dataclass(frozen=True)
class Measure:
    name: str  # variable of the file
    title: str
    unit: str
    factor: float  # from the file's unit
    more_is_better: bool
    element: str = None  # of the variable's own dimension

    def of(self, design, point, statistic="mean"):
        """A statistic at a design point, in `unit`."""
        return design.estimate(point, self.name, statistic, self.element, self.factor)

    @property
    def label(self):
        return f"{self.title} [{self.unit}]" if self.unit not in ("", "1") else self.title


STEP_TIME = Measure("step_time", "step time", "s", 1, False)
MFU = Measure("mfu", "MFU", "%", 100, True)
GOODPUT = Measure("goodput", "goodput", "%", 100, True)
MFU_EFFECTIVE = Measure("mfu_effective", "effective MFU", "%", 100, True)
SCHEDULABLE = Measure("schedulable_share", "schedulable share", "%", 100, True)
WAITING = Measure("wait_fraction", "waiting", "%", 100, False)
INTERRUPTIONS = Measure("interruptions", "interruptions", "1", 1, False)
COMMUNICATION = Measure("communication_share", "communication not hidden", "%", 100, False)
MIXING_TAX = Measure("mixing_tax", "mixing tax", "%", 100, False)
ALL = [STEP_TIME, MFU, WAITING, GOODPUT, MFU_EFFECTIVE, INTERRUPTIONS, SCHEDULABLE]


def there(design, measure):
    """Whether the file has values of the measure at some design point."""
    return any(measure.of(design, point).known for point in design.points)


def asked(design):
    """What a study asks for beyond training, as the program says: [(capability, [measure, ...] that
    design points are judged by, [others], [what must never be])], each with some value."""
    found = {}
    for row in design.summary.told["columns"]:
        element = row["element"] or next(iter(design.summary.elements(row["variable"])), None)
        measure = Measure(row["variable"], row["title"], row["unit"], row["factor"],
                          row["aim"] == "more", element)
        kinds = found.setdefault(row["capability"], {"more": [], None: [], "never": []})
        kinds[row["aim"]].append(measure)
    return [(name, kinds["more"], kinds[None], kinds["never"]) for name, kinds in found.items()]


def trains(design):
    """Whether the study asks for training."""
    return design.summary.told["trains"]


def failing(design):
    """{design point: what it must never be, and is in some trial}."""
    bad = [measure for _, _, _, never in asked(design) for measure in never]
    found = {p: [m.title for m in bad if m.of(design, p).value > 0] for p in design.points}
    return {point: titles for point, titles in found.items() if titles}


def main_measure(design):
    """What the design points of a study are compared by: where it asks for no training, what it is
    judged by instead; the share of an availability study, the goodput of a long run, else the step
    time; MFU, effective MFU of a long run, where points differ in what a step does, or hardly in
    goodput."""
    if not trains(design):
        return next(judged[0] for _, judged, _, _ in asked(design) if judged)
    if there(design, SCHEDULABLE):
        return SCHEDULABLE
    if there(design, GOODPUT):
        more = there(design, MFU_EFFECTIVE) and \
            _spread(design, MFU_EFFECTIVE) > 3 * _spread(design, GOODPUT)
        return MFU_EFFECTIVE if more else GOODPUT
    if there(design, MFU) and _steps_differ(design):
        return MFU
    return STEP_TIME


def _spread(design, measure):
    """How far apart the design points are, as a share of the largest mean."""
    values = [s.value for s in summaries(design, measure) if s.known]
    return (max(values) - min(values)) / max(values) if values and max(values) > 0 else 0


def _steps_differ(design):
    """Whether step times cannot be compared: batches per chip, chips or kinds of job differ."""
    tokens = {round(design.known(p, "tokens_per_step") / design.known(p, "chips_used"), 0)
              for p in design.points}
    fleet, share = design.axis("fleet.chips"), design.axis("job.work_share")
    mixes = len({tuple(sorted(chips(text))) for text in design.axes[fleet].written}) \
        if fleet is not None else 1
    isolated = share is not None and "isolated" in design.axes[share].labels
    return max(tokens) > 1.5 * min(tokens) or mixes > 1 or isolated


def text(estimate, unit="", sign=False):
    """A number with as many digits as its interval bears, ± the farther limit: 7.816 ± 0.004 s; with
    both limits where one is far nearer: 0 (0 to 1.8); > x where the sample does not bound it."""
    value, low, high = estimate
    space = {"%": " %", "1": "", "": ""}.get(unit, f" {unit}")
    if math.isinf(high) and math.isfinite(low):
        return f"> {plain(low)}{space}"
    if math.isinf(low) and math.isfinite(high):
        return f"< {plain(high)}{space}"
    if not estimate.known:
        return "unknown"
    plus = "+" if sign and value > 0 else ""
    half = estimate.half_width
    if math.isinf(half):  # one trial bounds nothing
        return f"{plus}{plain(value)}{space}"
    if half <= max(1e-12, 1e-9 * abs(value)):
        return f"{plus}{plain(value)}{space}"
    if half > LOPSIDED * min(high - value, value - low):
        return plus + between(estimate, unit)
    magnitude = math.floor(math.log10(half))
    digits = (1 if half < 2 * 10**magnitude else 0) - magnitude  # of the half width: 12 but 4
    if digits <= 0:
        return f"{plus}{round(value, digits):,.0f} ± {round(half, digits):,.0f}{space}"
    return f"{plus}{value:.{digits}f} ± {half:.{digits}f}{space}"


def between(estimate, unit=""):
    """A number with its ends, which need not lie evenly around it: 7.86 s (7.85 to 7.88), or
    7.86 s (> 7.85) where the sample does not bound it above."""
    value, low, high = estimate
    if not estimate.known:
        return text(estimate, unit)
    space = "" if unit in ("", "1") else f" {unit}"
    ends = {(True, True): f"{plain(low)} to {plain(high)}", (True, False): f"> {plain(low)}",
            (False, True): f"< {plain(high)}"}.get((math.isfinite(low), math.isfinite(high)),
                                                   "not bounded")
    return f"{plain(value)}{space} ({ends})"


def time_unit(seconds):
    """Size [s] and name of the unit that such a time is told in."""
    units = [(2 * 86400, 86400, "d"), (2 * 3600, 3600, "h"), (60, 60, "min"), (0, 1, "s")]
    return next((size, name) for least, size, name in units if seconds >= least)


def duration(seconds):
    """1.68 min, 28.8 h."""
    size, name = time_unit(seconds)
    return f"{seconds / size:.3g} {name}"


def plain(value):
    """Four significant digits."""
    if value == 0 or math.isnan(value):
        return "0" if value == 0 else "unknown"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def summaries(design, measure):
    """Mean over trials of the measure at every design point."""
    return [measure.of(design, point) for point in design.points]


def changes(design, measure, pairs, relative=None):
    """What the second of each pair has more than the first, as mean of paired differences: a share
    of the first for step time, or where `relative`; else in the measure's unit. Of a pair each is
    a design point, or a list of them whose mean counts."""
    relative = measure == STEP_TIME if relative is None else relative
    places = [tuple(tuple(p.at for p in (side if isinstance(side, list) else [side]))
                    for side in pair) for pair in pairs]
    told = design.summary.differences(measure.name, places, measure.element)
    return [told[pair]["relative"] if relative else told[pair]["absolute"].scaled(measure.factor)
            for pair in places]


def ranking(design, measure):
    """Numbers of the design points, best first, equals in study order, unknown ones last; where they
    are judged by what the study asks for beyond training, those that fail behind the others."""
    sign = -1 if measure.more_is_better else 1
    values = [sign * s.value for s in summaries(design, measure)]
    last = {point.number for point in left_out(design, measure)}
    return sorted(range(len(values)), key=lambda i: (math.isnan(values[i]), i in last, values[i]))


def standing(design, measure):
    """The design points of a known value, best first, without those that fail if there are others."""
    failed = left_out(design, measure)
    known = [design.points[n] for n in ranking(design, measure)
             if measure.of(design, design.points[n]).known]
    return [point for point in known if point not in failed] or known


def left_out(design, measure):
    """Design points that fail, where others are compared by what the study asks for beyond
    training."""
    return failing(design) if any(measure in judged for _, judged, _, _ in asked(design)) else {}
