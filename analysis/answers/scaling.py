"""The answer of a study over several numbers of chips: who is best at the largest, and from which
size the others fall behind."""

import estimates
from measures import STEP_TIME, text

BEHIND = 0.05  # of the best at the same size


def scaling_sentences(design, measure):
    """One sentence for each combination of the axes beside chips and topology."""
    over = design.axis("fleet.chips")
    rivals = design.axis("topology.kind")
    sizes = sorted(range(len(design.axes[over].labels)), key=lambda i: design.axes[over].numbers[i])
    cases = {}
    for point in design.points:
        rest = tuple(l for i, l in enumerate(point.labels) if i not in (over, rivals))
        rival = "" if rivals is None else point.labels[rivals]
        cases.setdefault(rest, {}).setdefault(rival, {})[point.index[over]] = point
    return [_sentence(design, measure, over, sizes, rest, rows) for rest, rows in cases.items()]


def _sentence(design, measure, over, sizes, rest, rows):
    numbers = design.axes[over].numbers
    values = {rival: {i: measure.of(design, p) for i, p in row.items()} for rival, row in rows.items()}
    largest, smallest = sizes[-1], sizes[0]
    others = [a for i, a in enumerate(design.axes) if i not in (over, design.axis("topology.kind"))]
    said = [axis.said(label) for label, axis in zip(rest, others) if len(axis.labels) > 1]
    begin = f"With {', '.join(said)}, at" if said else "At"
    mean = {r: {i: estimates.mean(v) for i, v in row.items()} for r, row in values.items()}

    def best(size):
        known = [r for r in rows if mean[r][size].value == mean[r][size].value]
        return (max if measure.more_is_better else min)(known, key=lambda r: mean[r][size].value)

    top = best(largest)
    what = "step" if measure == STEP_TIME else measure.title
    sentence = (f"{begin} {numbers[largest]:,.0f} chips the best {what} is "
                f"{text(mean[top][largest], measure.unit)}{' with ' + top if top else ''} "
                f"(at {numbers[smallest]:,.0f} {text(mean[top][smallest], measure.unit)})")
    parts = []
    for rival in sorted((r for r in rows if r != top), key=lambda r: mean[r][largest].value,
                        reverse=measure.more_is_better):
        behind = {i: _behind(measure, values[rival][i], values[best(i)][i]) for i in sizes}
        hurts = []
        for size in sizes[::-1]:  # from the largest down, as long as it is behind
            if behind[size].value <= BEHIND:
                break
            hurts.append(size)
        word = "longer" if measure == STEP_TIME else "less"
        parts.append(f"{rival} {text(behind[largest].scaled(100), '%')} {word}" + (
            f" (more than {BEHIND * 100:.0f} % "
            + ("at every size)" if len(hurts) == len(sizes)
               else f"from {numbers[hurts[-1]]:,.0f} chips on)") if hurts else ""))
    return sentence + ("; " + ", ".join(parts) if parts else "") + "."


def _behind(measure, values, best):
    e = estimates.relative_difference(values, best)
    return e.scaled(-1) if measure.more_is_better else e
