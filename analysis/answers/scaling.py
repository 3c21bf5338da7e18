"""The answer of a study over several numbers of chips: who is best at the largest, and from which
size the others fall behind. Of several fleets of one size the best counts."""

from estimate import NOTHING
from measures import STEP_TIME, changes, text

BEHIND = 0.05  # of the best at the same size


def scaling_sentences(design, measure):
    """One sentence for each combination of the axes beside chips and topology."""
    over = design.axis("fleet.chips")
    rivals = design.axis("topology.kind")
    sizes = sorted(set(design.axes[over].numbers))
    cases = {}
    for point in design.points:
        rest = tuple(l for i, l in enumerate(point.labels) if i not in (over, rivals))
        rival = "" if rivals is None else point.labels[rivals]
        size = design.axes[over].numbers[point.index[over]]
        cases.setdefault(rest, {}).setdefault(rival, {}).setdefault(size, []).append(point)
    sentences = [_sentence(design, measure, over, sizes, rest, rows) for rest, rows in cases.items()]
    return [s for s in sentences if s]


def _sentence(design, measure, over, sizes, rest, rows):
    """"" where nothing is known."""
    means = [(p, measure.of(design, p)) for row in rows.values()
             for points in row.values() for p in points]
    mean_of = {p: m for p, m in means if m.known}
    pick = max if measure.more_is_better else min
    chosen = {rival: {size: pick(known, key=lambda p: mean_of[p].value)
                      for size, points in row.items()
                      if (known := [p for p in points if p in mean_of])}
              for rival, row in rows.items()}
    sizes = [size for size in sizes if any(size in row for row in chosen.values())]
    if not sizes:
        return ""
    largest, smallest = sizes[-1], sizes[0]
    others = [a for i, a in enumerate(design.axes) if i not in (over, design.axis("topology.kind"))]
    said = [axis.said(label) for label, axis in zip(rest, others) if len(axis.labels) > 1]
    begin = f"With {', '.join(said)}, at" if said else "At"

    def mean(rival, size):
        return mean_of[chosen[rival][size]]

    def best(size):
        return pick((r for r in chosen if size in chosen[r]), key=lambda r: mean(r, size).value)

    pairs = {(rival, size): (row[best(size)], row[rival]) for size in sizes
             for row in [{r: chosen[r][size] for r in chosen if size in chosen[r]}] for rival in row}
    sign = -1 if measure.more_is_better else 1
    behind_best = {key: e.scaled(sign) for key, e in
                   zip(pairs, changes(design, measure, list(pairs.values()), relative=True))}

    def fleet(rival, size):
        """Its name, where several fleets have that many chips."""
        return design.axes[over].labels[chosen[rival][size].index[over]] \
            if design.axes[over].numbers.count(size) > 1 else ""

    top = best(largest)
    what = "step" if measure == STEP_TIME else measure.title
    names = ", ".join(filter(None, [fleet(top, largest), top]))
    sentence = (f"{begin} {largest:,.0f} chips the best {what} is "
                f"{text(mean(top, largest), measure.unit)}{' with ' + names if names else ''}")
    if smallest in chosen[top]:
        name = fleet(top, smallest)
        sentence += (f" (at {smallest:,.0f} {text(mean(top, smallest), measure.unit)}"
                     f"{' with ' + name if name else ''})")
    parts = []
    for rival in sorted((r for r in chosen if r != top and largest in chosen[r]),
                        key=lambda r: mean(r, largest).value, reverse=measure.more_is_better):
        behind = {size: behind_best.get((rival, size), NOTHING) for size in sizes}
        hurts = []
        for size in sizes[::-1]:  # from the largest down, as long as it is behind
            if not behind[size].value > BEHIND:
                break
            hurts.append(size)
        word = "longer" if measure == STEP_TIME else "less"
        parts.append(f"{rival} {text(behind[largest].scaled(100), '%')} {word}" + (
            f" (more than {BEHIND * 100:.0f} % "
            + ("at every size)" if len(hurts) == len(sizes)
               else f"from {hurts[-1]:,.0f} chips on)") if hurts else ""))
    return sentence + ("; " + ", ".join(parts) if parts else "") + "."
