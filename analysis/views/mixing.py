"""What mixing generations costs, against each generation alone."""

import estimates
from design import chips
from measures import MFU, there
from picture import NotShown, Picture, looks
from views.rows import mark_rows


def taxes(design):
    """{number of a mixed design point: share of the tokens per second that its generations would
    reach, each chip as in the fleet of its generation alone (the one nearest in size), but that the
    mix does not}. Needs design points of each generation alone, else {}. Other axes being equal,
    trials are paired; a balanced or isolated job is held against the generations' plain (equal)
    jobs. Tokens follow from MFU: isolated jobs have no common step."""
    over = design.axis("fleet.chips")
    if over is None or not there(design, MFU):
        return {}
    fleets = [chips(text) for text in design.axes[over].written]
    share = design.axis("job.work_share")
    works = design.axes[share].labels if share is not None else ()

    def alone(point, name, total):
        """The point of that generation alone, and its chips."""
        fleet = min((i for i, fleet in enumerate(fleets) if set(fleet) == {name}),
                    key=lambda i: abs(fleets[i][name] - total))
        index = list(point.index)
        index[over] = fleet
        if "equal" in works:
            index[share] = works.index("equal")
        return next(p for p in design.points if p.index == tuple(index)), fleets[fleet][name]

    known = {name for fleet in fleets if len(fleet) == 1 for name in fleet}
    found = {}
    for point in design.points:
        fleet = fleets[point.index[over]]
        if len(fleet) < 2 or not set(fleet) <= known:
            continue
        possible = peak = 0  # tokens a second: as alone, and at full MFU
        for name, n in fleet.items():
            other, chips_alone = alone(point, name, sum(fleet.values()))
            speed = n / chips_alone * design.known(other, "tokens_per_step") / \
                design.trials(other, "step_time")
            possible += speed
            peak += speed / design.trials(other, "mfu")
        found[point.number] = estimates.mean(
            1 - design.trials(point, "mfu") * peak / possible)
    return found


def mixing_tax(design):
    found = taxes(design)
    if not found:
        raise NotShown("the study has no mixed fleet beside fleets of each of its generations alone")
    tax = [found[p.number].scaled(100) if p.number in found else estimates.NOTHING
           for p in design.points]
    mfu = [estimates.mean(MFU.of(design, p)) for p in design.points]
    style = looks(design)
    return Picture(
        "Mixing tax", "Share of the tokens a second that the chips would reach in fleets of one "
        "generation each, but that the mixed fleet does not; mean over trials with its 95 % "
        "interval. Fleets of one generation have none.",
        [mark_rows(design, "mixing tax [%]", tax, style), mark_rows(design, MFU.label, mfu, style)],
        columns=2)
