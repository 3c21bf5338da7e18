"""What the fleet draws at the site's meter, how far that swings, and what smoothing costs."""

from math import isfinite, sqrt

from measures import Measure, plain, summaries, there
from picture import COLOURS, NotShown, Panel, Picture, Scale, Series, look_of, looks
from views.rows import INTERVAL, mark_rows

SWING = Measure("power_swing", "swing", "MW", 1e-6, False)
MEAN = Measure("power_mean", "mean power", "MW", 1e-6, False)
ENERGY = Measure("energy_overhead", "energy of smoothing", "%", 100, False)
# Limits of what swings within bands: name, Hz, Hz, and W from peak to peak of one oscillation.
BANDS = [("ERCOT", 0.1, 55, 10e6), ("LIPA", 0.1, 5, 10e6), ("LIPA", 5, 55, 3.5e6)]
PEAK_TO_PEAK = 2 * sqrt(2)  # from peak to peak over the root mean square of an oscillation
MOST_CURVES = 4


def power(design):
    if not there(design, SWING):
        raise NotShown("the study meters no power (power.meter)")
    # Rows are the key to marks: no two are alike.
    style = looks(design)
    if len(set(style)) < len(style):
        style = [look_of(point.number) for point in design.points]
    panels = [mark_rows(design, m.label, summaries(design, m), style) for m in (SWING, MEAN)]
    swings, costs = summaries(design, SWING), summaries(design, ENERGY)
    if any(e.known and e.value != 0 for e in costs):
        panels.append(Panel(Scale(ENERGY.label), Scale(SWING.label), [
            Series("marks", [cost.value], [swing.value], point.text, look, points=point.number,
                   low=[swing.low], high=[swing.high], legend=False)
            for point, cost, swing, look in zip(design.points, costs, swings, style)
            if cost.known and swing.known], "Energy against swing"))
        frontier = _frontier(design, costs, style)
        panels += [frontier] if frontier.series else []
    return Picture("Power at the site's meter", "Swing is from the lowest to the highest value of a "
                   f"trial's trace. {INTERVAL} Marks are those of the rows.", panels, columns=2)


def _frontier(design, costs, style):
    """How many of the utilities' limits that could be judged are met, against what it costs."""
    limits = [e for e in design.summary.elements("power_compliance") if any(
        design.estimate(point, "power_compliance", element=e).known for point in design.points)]
    marks = []
    for point, cost, look in zip(design.points, costs, style):
        met = {e: design.estimate(point, "power_compliance", element=e) for e in limits}
        judged = {e: one.value for e, one in met.items() if one.known}
        if cost.known and judged:
            texts = [f"{e} {plain(100 * share)} %" for e, share in judged.items()]
            marks.append(Series("marks", [cost.value], [sum(judged.values())], point.text, look,
                                points=point.number, texts=[", ".join(texts)], legend=False))
    met = Scale(f"limits met, of {len(limits)} judged", limits=(-0.3, len(limits) + 0.3),
                ticks=[(number, str(number)) for number in range(len(limits) + 1)])
    return Panel(Scale(ENERGY.label), met, marks, "Cost and compliance")


def power_trace(design):
    traces = {p.number: design.course(p, "power_trace") for p in design.points}
    if all(trace is None for trace in traces.values()):
        raise NotShown("the file keeps no traces (power.traces)")
    times = [float(text) for text in design.data["time"].values]
    lows = [float(text) for text in design.data["frequency"].values]
    style, courses, spectra = looks(design), [], []
    for point in design.points:
        trace, spectrum = traces[point.number], design.course(point, "power_spectrum")
        for kept, x, y, scale in ((courses, times, trace, 1e-6), (spectra, lows, spectrum, 1e-6)):
            if y is None:
                continue
            shown = [(a, scale * b) for a, b in zip(x, y) if isfinite(b) and (b > 0 or x is times)]
            if shown:
                kept.append(Series("step", *map(list, zip(*shown)), point.text, style[point.number],
                                   points=point.number, plain=True))
    for name, low, high, watts in BANDS:
        rms = watts / PEAK_TO_PEAK / 1e6
        look = look_of(len(COLOURS) - 2 if name == "LIPA" else len(COLOURS) - 1)
        named = all(f"limit of {name}" != one.label for one in spectra)
        spectra.append(Series("line", [low, high], [rms, rms], f"limit of {name}", look,
                              legend=named, plain=True))
    return Picture(
        "Trace and spectrum of power at the site's meter",
        "The first trial of each design point. Spectrum: root mean square within bands of a "
        "twentieth of a decade, and that of one oscillation as large as a utility's limit of a band "
        "from peak to peak. What is above a limit breaks it; so may all below it together.",
        [Panel(Scale("time [s]"), Scale("power [MW]"), courses, "Trace"),
         Panel(Scale("frequency [Hz]", log=True), Scale("rms of a band [MW]", log=True), spectra,
               "Spectrum")],
        columns=2, most_points=MOST_CURVES, points=sorted(traces), subject=design.subject)
