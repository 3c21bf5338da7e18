"""The answer of a study in a few sentences, from its own numbers.

The sentences follow from what the study asks: what its design points are judged by (measures.py)
and the kind of each axis. `first_paragraph` compares along the axes, `second_paragraph` tells where
the rest of training goes, `third_paragraph` answers what the study asks for beyond training."""

from answers.effects import axis_sentence, levels, recommends, where
from answers.scaling import scaling_sentences
from measures import (COMMUNICATION, GOODPUT, INTERRUPTIONS, MFU, MFU_EFFECTIVE, MIXING_TAX,
                      SCHEDULABLE, STEP_TIME, asked, between, changes, duration, failing,
                      main_measure, plain, standing, summaries, text, there, trains)
from views.losses import WORDS, shares_lost

MOST_NAMED = 6  # design points


def question(data):
    """The study's leading comment lines, where its author wrote the question."""
    lines = []
    for line in str(data.attrs.get("study", "")).splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines)


def first_paragraph(design):
    measure = main_measure(design)
    chips = design.axis("fleet.chips")
    scales = chips is not None and len(set(design.axes[chips].numbers)) > 1
    if scales:
        return scaling_sentences(design, measure)
    mixing = _mixing(design)
    sentences = mixing + [_headline(design, measure)]
    if measure == GOODPUT and there(design, MFU_EFFECTIVE) and design.axis("topology.kind") is not None:
        sentences.append(_headline(design, MFU_EFFECTIVE))
    several = [i for i, axis in enumerate(design.axes)
               if len(axis.labels) > 1 and not (i == chips and mixing)]
    if measure == SCHEDULABLE:
        listed = [i for i in several if design.axes[i].ordered]
        sentences += levels(design, measure, listed[0]) if listed else []
        several = [i for i in several if i not in listed[:1]]
    # What to choose comes before what a choice costs.
    first, *rest = design.points
    if measure == STEP_TIME and asked(design) and \
            all(e.value == 0 for e in changes(design, measure, [(first, p) for p in rest])):
        several = []
    for over in sorted(several, key=lambda i: not recommends(design, i)):
        sentences.append(axis_sentence(design, over, measure))
    if trains(design) and not there(design, GOODPUT):
        sentences += _waiting(design)
    return [s for s in sentences if s]


def second_paragraph(design):
    if not trains(design):
        return []
    sentences = []
    if there(design, GOODPUT):
        sentences += _losses(design) + _spares(design)
    if main_measure(design) != SCHEDULABLE and there(design, STEP_TIME):
        sentences += _tail(design) + _communication(design)
    return sentences


def third_paragraph(design):
    """Of each capability that design points are judged by: the best of them, what else holds there,
    and which fail."""
    sentences = []
    for _, judged, others, never in asked(design):
        if not judged:
            continue
        sentences += [_headline(design, measure) for measure in judged
                      if measure != main_measure(design)]
        best = standing(design, judged[-1])[0]
        parts = [f"{m.title} {text(m.of(design, best), m.unit)}" for m in others if there(design, m)]
        place = f"With {best.words}" if best.words else "There"
        sentences += [f"{place}: {', '.join(parts)}."] if parts else []
        sentences += _failures(design, never)
    return sentences


def _failures(design, never):
    """Which design points are what they must never be."""
    sentences = []
    for measure in never:
        failed = [p for p, titles in failing(design).items() if measure.title in titles]
        if not failed:
            continue
        named = "; ".join(p.words for p in failed[:MOST_NAMED]) or "the design point"
        more = f" and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
        sentences.append(
            f"{measure.title.capitalize()} in some trial: {named}{more}"
            + ("." if len(failed) == len(design.points) else
               ", which comparisons of the others leave out."))
    return sentences


def _headline(design, measure):
    values = summaries(design, measure)
    if len(design.points) == 1:
        return f"The {measure.title} is {text(values[0], measure.unit)}" + (
            f", at {text(_mfu(design, design.points[0]), '%')} MFU."
            if measure == STEP_TIME and there(design, MFU) else ".")
    worst, as_good = standing(design, measure)[-1], _best(design, measure)
    best, others = as_good[0], len(as_good) - 1
    tied = f", and {others} {'others are' if others > 1 else 'other is'} as good" if others else ""
    words = ("The shortest step", "the longest") if measure == STEP_TIME else \
        (f"The highest {measure.title}", "the lowest")
    also = f" ({text(_mfu(design, best), '%')} MFU)" \
        if measure == STEP_TIME and there(design, MFU) else ""
    if worst is best:
        return f"The {measure.title} is {text(values[best.number], measure.unit)}{also} with {best.words}."
    if worst in as_good:
        return (f"The {measure.title} is {text(values[best.number], measure.unit)} at every design "
                "point, as far as the trials can tell.")
    return (f"{words[0]} is {text(values[best.number], measure.unit)}{also} with {best.words}{tied}; "
            f"{words[1]} {text(values[worst.number], measure.unit)} with {worst.words}"
            + (" (spares without limit count for none)." if measure == MFU_EFFECTIVE
               and "spares unlimited" in best.words else "."))


def _best(design, measure):
    """The best design points that cannot be told apart, best first: they differ by less than a
    thousandth, or by less than a hundredth and their interval."""
    points = standing(design, measure)
    pairs = [(points[0], point) for point in points]
    best = []
    for point, share, size in zip(points, changes(design, measure, pairs, relative=True),
                                  changes(design, measure, pairs, relative=False)):
        # Also where both are 0, of which nothing is a share.
        if size.value == 0 or abs(share.value) < 1e-3 or \
                (share.low <= 0 <= share.high and abs(share.value) < 0.01):
            best.append(point)
    return best


def _mfu(design, point):
    return MFU.of(design, point)


def _mixing(design):
    """What mixed fleets lose at each work share, most and where."""
    found = {p.number: MIXING_TAX.of(design, p) for p in design.points}
    found = {number: tax for number, tax in found.items() if tax.known}
    share = design.axis("job.work_share")
    parts = []
    for work in design.axes[share].labels if share is not None else [None]:
        mine = [p for p in design.points if p.number in found
                and (work is None or p.labels[share] == work)]
        if mine:
            worst = max(mine, key=lambda p: found[p.number].value)
            fleet = worst.labels[design.axis("fleet.chips")]
            most = found[worst.number]
            parts.append((f"up to {text(most, '%')} ({fleet})" if most.high > 0 else "nothing")
                         + (f" with {work} work" if work else ""))
    if not parts:
        return []
    return ["Of the tokens a second that their chips reach in fleets of one generation each, mixed "
            "fleets lose " + ", ".join(parts) + "."]


def _losses(design):
    """Where the time of the best design point goes."""
    measure = main_measure(design)
    best = _best(design, measure if measure == MFU_EFFECTIVE else GOODPUT)[0]
    shares = shares_lost(design, best)
    useful = shares.pop("useful")
    lost = sorted(((e.value, cause) for cause, e in shares.items() if e.value > 0.05), reverse=True)
    parts = [f"{plain(v)} % to {WORDS.get(c, c.replace('_', ' '))}" for v, c in lost]
    rate = INTERRUPTIONS.of(design, best)
    subject = f"At the best design point ({best.words}) " if best.words else ""
    sentences = [f"{subject}{text(useful, '%')} of the time is useful; after "
                 f"{text(rate)} interruptions, {', '.join(parts) or 'hardly any is lost'}."]
    interval = design.estimate(best, "checkpoint_interval")
    if interval.known:
        sentences.append(f"It saves its state after every {duration(interval.value)} of computing.")
    return sentences


def _spares(design):
    """Spare nodes in use at the worst moment, where there is no limit."""
    over = design.axis("reliability.spares")
    if over is None or "unlimited" not in design.axes[over].labels:
        return []
    parts = []
    for others, row in design.groups(over).items():
        point = next(p for p in row if p.labels[over] == "unlimited")
        used = design.row(point, "spares_used")
        if used and used["trials"]:
            parts.append((others, f"{plain(used['mean']['value'])} (most {plain(used['most'])})"))
    merged = {}
    for others, words in parts:
        merged.setdefault(words, []).append(others)
    if not 0 < len(merged) <= 4:
        return []
    return ["Without a limit the spare nodes in use at the same time peak at " + ", ".join(
        words + where(design, over, others) for words, others in merged.items())
        + " (mean of the trials' peaks)."]


def _tail(design):
    """How far the 99th percentile lies above the mean."""
    found = []
    for point in design.points:
        mean, p99 = (STEP_TIME.of(design, point, statistic) for statistic in ("mean", "p99"))
        if mean.known and mean.value > 0:
            found.append((p99.value / mean.value - 1, point, p99))
    if not found or max(found, key=lambda f: f[0])[0] < 1e-6:
        return []
    least, most = min(found, key=lambda f: f[0]), max(found, key=lambda f: f[0])
    ends = [f"{plain(100 * abs(above))} % {'below' if above < 0 else 'above'}"
            for above, _, _ in (least, most)]
    if ends[0] == ends[1]:
        return [f"The 99th percentile of a step lies {ends[0]} the mean: {between(most[2], 's')}."]
    first = ends[0].removesuffix(ends[1][-len(" above"):])  # the side is said once
    return [f"The 99th percentile of a step lies {first} ({least[1].words}) to {ends[1]} the mean, "
            f"the latter with {most[1].words}: {between(most[2], 's')}."]


def _waiting(design):
    """What chips of several generations wait at the first design point."""
    first = design.points[0]
    waits = {name: design.estimate(first, "wait_fraction_by_generation", element=name, factor=100)
             for name in design.generations}
    parts = [f"{name} {text(e, '%')}" for name, e in waits.items() if e.known]
    if len(parts) < 2:
        return []
    subject = f"With {first.words} chips" if first.words else "Chips"
    return [f"{subject} wait for this share of each step: {', '.join(parts)}."]


def _communication(design):
    """The communication that nothing hides."""
    share = {p: COMMUNICATION.of(design, p) for p in design.points}
    known = [p for p, e in share.items() if e.known]
    if not known:
        return []
    least, most = (pick(known, key=lambda p: share[p].value) for pick in (min, max))
    words = "Communication that no computation hides takes"
    if least is most or share[most].value - share[least].value <= share[most].half_width:
        return [f"{words} {text(share[least], '%')} of the step."]
    return [f"{words} {text(share[least], '%')} of the step ({least.words}) to "
            f"{text(share[most], '%')} ({most.words})."]
