"""What a reader of a report must know before trusting its numbers."""

from lockstep_results import missing

FEW_TRIALS = 30


def cautions(design):
    return _said(design) + _gaps(design) + _few(design) + _ended(design) + _extrapolated(design)


def _said(design):
    """What the program said of the study before it ran, and says of its results."""
    before = str(design.data.attrs.get("warnings", "")).split("\n")
    lines = [line.removeprefix("Warning: ") for line in before + design.summary.told["warnings"]]
    return [line for line in dict.fromkeys(lines + [missing(design.data)]) if line]


def _held(design):
    """Trials that each design point has."""
    return [design.trials(point) for point in design.points]


def _gaps(design):
    trials = _held(design)
    if len(set(trials)) > 1:
        return [f"Design points have between {min(trials)} and {max(trials)} trials each: others "
                "are missing or had no values."]
    return []


def _few(design):
    trials = max(_held(design))
    return [f"{trials} trial{'' if trials == 1 else 's'} a design point: intervals are wide, and the "
            "tail is hardly seen."] if trials < FEW_TRIALS else []


def _ended(design):
    """A run that was to go on until its intervals are narrow, and did not."""
    if design.data.attrs.get("until_met", 1):
        return []
    return [f"sampling.max_trials ended the run before {design.data.attrs['until']}."]


def _extrapolated(design):
    beyond = [p.text for p in design.points if design.known(p, "extrapolated") == 1]
    if not beyond:
        return []
    names = "; ".join(beyond[:4]) + ("; ..." if len(beyond) > 4 else "")
    return [f"{len(beyond)} of {len(design.points)} design points are larger than any published "
            f"machine of their kind: {names}."]
