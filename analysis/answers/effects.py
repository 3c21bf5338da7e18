"""What one axis of a study does, in a sentence: paired differences along it, for each combination
of the other axes."""

import math

from design import WORDS_OF_CHOICE, WORDS_OF_NO_LIMIT, WORDS_OF_NOTHING
from estimate import Estimate
from measures import STEP_TIME, changes, left_out, plain, text

NEAR = 0.01  # within this share of the best, a value is as good
MOST_GROUPS, MOST_VALUES = 3, 5  # listed one by one


def recommends(design, over):
    """Whether the sentence names a value to choose: the best, or one that is enough."""
    axis = design.axes[over]
    return axis.ordered and (reference_of(axis) is not None or not axis.numeric)


def axis_sentence(design, over, measure):
    """How the measure changes along the axis at position `over`."""
    axis = design.axes[over]
    groups = design.groups(over)
    if not axis.ordered:
        return _against(design, over, measure, 0)
    reference = reference_of(axis)
    chosen = WORDS_OF_CHOICE & set(axis.labels)
    if reference is not None and not chosen and len(axis.labels) > 2 \
            and _is_best(groups.values(), measure, design, reference):
        return _enough(design, over, measure, reference)
    if len(groups) <= MOST_GROUPS and len(axis.labels) <= MOST_VALUES:
        return _listed(design, over, measure)
    return _against(design, over, measure, 0)


def _is_best(rows, measure, design, reference):
    """Whether no value on the axis is better than the one at `reference`, all by no more than NEAR,
    as far as all are known."""
    pairs = [(row[reference], point) for row in rows for point in row]
    return all((change.value if measure.more_is_better else -change.value) <= NEAR
               for change in changes(design, measure, pairs, relative=True))


def levels(design, measure, over):
    """The measure at each value of the axis, for the first and the last value of the last other
    axis and each combination of the rest; in one sentence with one bound on the intervals."""
    axis, groups = design.axes[over], design.groups(over)
    ends = {design.axes[-1].labels[0], design.axes[-1].labels[-1]}
    if over != len(design.axes) - 1:
        groups = {g: row for g, row in groups.items() if g[-1] in ends}
    means = {g: [measure.of(design, point) for point in row]
             for g, row in groups.items()}
    halves = [m.half_width for row in means.values() for m in row if math.isfinite(m.half_width)]
    parts = [f"{', '.join(plain(m.value) for m in row)}{where(design, over, [g])}"
             for g, row in means.items()]
    bound = f", each within {plain(max(halves))} points" if halves else ""
    return [f"For {axis.title} {', '.join(axis.labels)} the {measure.title} is, in {measure.unit}: "
            + "; ".join(parts) + bound + "."]


def reference_of(axis):
    """Position of the value that lifts the limit (unlimited), or else turns the axis' subject off
    (0, none); None where there is no such value."""
    for position, label in enumerate(axis.labels):
        if label in WORDS_OF_NO_LIMIT | WORDS_OF_NOTHING:
            return position
    return axis.numbers.index(0) if 0 in axis.numbers else None


def where(design, over, groups):
    """" with tree, optimal": in words, the combinations of the other axes in `groups`; by one axis
    alone if that tells them; "" for all."""
    axes = [axis for i, axis in enumerate(design.axes) if i != over]
    several = [i for i, axis in enumerate(axes) if len(axis.labels) > 1]

    def said(group):
        return ", ".join(axes[i].said(group[i]) for i in several)

    everything = list(design.groups(over))
    if len(groups) == len(everything):
        return ""
    for i in several:
        values = [v for v in axes[i].labels if v in {g[i] for g in groups}]
        if {g for g in everything if g[i] in values} == set(groups):
            return " with " + " or ".join([axes[i].said(values[0]), *values[1:]])
    return " with " + " or with ".join(map(said, groups))


def _change(measure, e):
    """A paired difference in words: 9.2 ± 0.1 % shorter, +13.1 ± 0.1 points."""
    if e.value == 0 and e.half_width == 0:
        return "the same"
    if measure == STEP_TIME:
        word = "longer" if e.value > 0 else "shorter"
        size = e.scaled(100 if e.value > 0 else -100)
        return f"{text(size, '%')} {word}"
    return f"{text(e, sign=True)} points" if measure.unit == "%" else text(e, measure.unit, sign=True)


def _size(measure, e):
    """The same without its interval, as an end of a range."""
    rounded = float(f"{e.value * 100:.3g}") / 100
    return _change(measure, Estimate(rounded, rounded, rounded))


def _against(design, over, measure, reference):
    """Each value against the first: the least and the most it changes, and from best to best."""
    axis, groups = design.axes[over], design.groups(over)
    parts, failed = [], set(left_out(design, measure))
    for value in range(len(axis.labels)):
        if value == reference:
            continue
        rows = {g: (row[reference], row[value]) for g, row in groups.items()
                if not failed & {row[reference], row[value]}}
        each = {g: e for g, e in zip(rows, changes(design, measure, list(rows.values()))) if e.known}
        if not each:
            continue
        pairs = [rows[g] for g in each]
        least, most = min(each, key=lambda g: each[g].value), max(each, key=lambda g: each[g].value)
        if each[most].value - each[least].value <= max(each[most].half_width,
                                                       each[least].half_width):
            firsts, seconds = (list(side) for side in zip(*pairs))
            whole, = changes(design, measure, [(firsts, seconds)])
            change = _change(measure, whole if whole.known else each[least])
        else:
            change = " to ".join(
                f"{_size(measure, each[g]).replace('the same', '0')} ({said})" if said else
                _size(measure, each[g]) for g, said in
                ((g, where(design, over, [g]).removeprefix(" with ")) for g in (least, most)))
            if not axis.ordered:
                best = tuple(_best_of(design, measure, side) for side in zip(*pairs))
                change += f"; between the best of each {_change(measure, *changes(design, measure, [best]))}"
        words = "the step is" if measure == STEP_TIME else \
            f"{measure.title} is" if change == "the same" else f"{measure.title} changes by"
        parts.append(f"with {axis.said(axis.labels[value])} {words} {change}")
    if not parts:
        return ""
    return f"Against {axis.said(axis.labels[reference])}: " + ", and ".join(parts) + "."


def _best_of(design, measure, points):
    """The design point of the best mean."""
    return (max if measure.more_is_better else min)(
        points, key=lambda point: measure.of(design, point).value)


def _listed(design, over, measure):
    """The measure at each value, for each combination of the others; the best one first."""
    axis, parts, failed = design.axes[over], [], left_out(design, measure)
    for group, row in design.groups(over).items():
        means = [measure.of(design, point) for point in row]
        order = sorted((i for i, m in enumerate(means) if m.known and row[i] not in failed),
                       key=lambda i: means[i].value, reverse=measure.more_is_better)
        if not order:
            continue
        best = order[0]
        others = sorted(order[1:])
        rest = dict(zip(others, changes(design, measure, [(row[best], row[i]) for i in others])))
        near = NEAR * abs(means[best].value)  # farther away few trials tell nothing
        words = [f"{axis.labels[i]} " + (
            "as good" if e.low <= 0 <= e.high and abs(means[i].value - means[best].value) <= near
            else _change(measure, e)) for i, e in rest.items() if e.known]
        parts.append(f"{axis.labels[best]}{where(design, over, [group])}: "
                     f"{text(means[best], measure.unit)}"
                     + (f" (against it {', '.join(words)})" if words else ""))
    if not parts:
        return ""
    return f"Best {axis.title}: " + "; ".join(parts) + "."


def _enough(design, over, measure, reference):
    """From which value on the axis hurts, or up to which it still does: against the reference."""
    axis = design.axes[over]
    order = sorted(range(len(axis.labels)), key=lambda i: (
        float("inf") if axis.numbers[i] is None else axis.numbers[i]))
    from_none = axis.numbers[reference] == 0 or axis.labels[reference] in WORDS_OF_NOTHING
    nearest_first = order if from_none else order[::-1]
    nearest_first = [i for i in nearest_first if i != reference]
    groups = design.groups(over)
    pairs = {(group, i): (row[reference], row[i]) for group, row in groups.items()
             for i in nearest_first}
    shares = dict(zip(pairs, changes(design, measure, list(pairs.values()), relative=True)))
    costs = dict(zip(pairs, changes(design, measure, list(pairs.values()))))
    found = {}
    for group in groups:
        last = None
        for i in nearest_first:
            change = shares[group, i].value
            if (-change if measure.more_is_better else change) > NEAR:
                break
            last = i
        found[group] = (last, costs[group, nearest_first[-1]])
    parts, near = [], f"{NEAR * 100:.0f} %"
    for last in dict.fromkeys(f[0] for f in found.values()):
        mine = [g for g, f in found.items() if f[0] == last]
        end = nearest_first[-1]
        low, high = (pick((found[g][1] for g in mine), key=lambda c: c.value) for pick in (min, max))
        if last == end:
            words = f"even {axis.labels[end]} is within {near} of {axis.labels[reference]}"
        else:
            words = (f"{axis.labels[last]} is within {near} of" if last is not None else
                     f"{axis.labels[nearest_first[0]]} is already more than {near} worse than")
            words += f" {axis.labels[reference]}"
        words += where(design, over, mine)
        if last != end:
            subject = "the step is" if measure == STEP_TIME else f"{measure.title} changes by"
            words += f" (with {axis.labels[end]} {subject} {_change(measure, low)}"
            words += f" to {_change(measure, high)})" if high.value - low.value > high.half_width \
                else ")"
        parts.append(words)
    title = axis.title[0].upper() + axis.title[1:]
    return f"{title}: " + "; ".join(parts) + "."
