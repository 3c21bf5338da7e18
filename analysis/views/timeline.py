"""One trial's events, as `lockstep timeline` writes them: time_s, cause, action."""

import csv
import os
import re

from lockstep_results import ResultsError
from measures import time_unit
from picture import NotShown, Panel, Picture, Scale, Series, look_of

HORIZON = "horizon"  # the cause of the last line
COLUMNS = ["time_s", "cause", "action"]


def read(path):
    """Rows of (seconds, cause, action)."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{path} is no readable CSV file ({error})") from None
    if not rows:
        raise ResultsError(f"{path} holds no events")
    missing = [name for name in COLUMNS if name not in rows[0]]
    if missing:
        raise ResultsError(f"{path} has no column {', '.join(missing)} (it must have "
                           f"{', '.join(COLUMNS)})")
    try:
        return [(float(row["time_s"]), row["cause"] or "", row["action"] or "") for row in rows]
    except (TypeError, ValueError):
        raise ResultsError(f"{path} has a time_s that is no number") from None


def timeline(design):
    if not design.timeline:
        raise NotShown("it is drawn from the events of one trial (--timeline FILE.csv)")
    events = read(design.timeline)
    last = max(time for time, _, _ in events)
    scale, unit = time_unit(last)
    end = [action for _, cause, action in events if cause == HORIZON]
    events = [(time / scale, cause, action) for time, cause, action in events if cause != HORIZON]
    causes = list(dict.fromkeys(cause.split(",")[0] for _, cause, _ in events))
    kinds = list(dict.fromkeys(kind_of(action) for _, _, action in events))
    marks, total = [], []
    for number, kind in enumerate(kinds):
        mine = [event for event in events if kind_of(event[2]) == kind]
        apart = ((number + 0.5) / len(kinds) - 0.5) * 0.6  # so that no kind hides another
        marks.append(Series(
            "marks", [time for time, _, _ in mine],
            [causes.index(cause.split(",")[0]) + apart for _, cause, _ in mine], kind,
            look_of(number), texts=[f"{t:.4g} {unit}: {c}: {a}" for t, c, a in mine]))
    for number, name in enumerate(causes):
        times = sorted(time for time, cause, _ in events if cause.split(",")[0] == name)
        total.append(Series("step", [0, *times, last / scale], [*range(len(times) + 1), len(times)],
                            f"{name} (in all)", look_of(number)))
    label, limits = f"wall time [{unit}]", (0, last / scale)
    rows = [(i, name.replace("_", " ")) for i, name in enumerate(causes)]
    return Picture(
        "Timeline of one trial",
        f"{len(events):,} events of {os.path.basename(design.timeline)}." + "".join(f" At the end {text}." for text in end),
        [Panel(Scale(label, limits=limits), Scale("", ticks=rows, limits=(-0.6, len(rows) - 0.4)),
               marks, "Events and what followed"),
         Panel(Scale(label, limits=limits), Scale("events so far"), total, "Events so far")],
        columns=1)


def kind_of(action):
    """What sort of action it is, without its numbers: "waits for 3 nodes until ..." is "waits for
    nodes"."""
    clauses = action.split(", ")
    telling = next((c for c in clauses if c.startswith(("restarts", "waits"))), clauses[0])
    words = re.sub(r" until .*", "", re.sub(r"\d+ of \d+", "fewer", telling))
    return re.sub(r"\bfor node\b", "for nodes", re.sub(r"\d[\d.]* ?", "", words)).strip() or "event"
