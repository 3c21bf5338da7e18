"""Paints a picture for paper, with matplotlib."""

import math
import textwrap

from packages import end_without

try:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
except ImportError as error:
    end_without(error, "python3-matplotlib")

from picture import COLOURS, look_in, representatives

DASHES = ["-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (10, 2)),
          (0, (9, 2, 1, 2, 1, 2)), (0, (1, 4)), (0, (4, 1, 4, 5))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
HATCHES = ["", "///", "...", "xxx", "\\\\\\", "++", "oo", "--", "||"]
WIDTH, HEIGHT, ROW = 4.3, 3.5, 0.26  # inches of a panel, of a row of it
MOST_ROWS = 30
MOST_LABELLED = 100  # ratio of a log scale's ends up to which 2 and 5 of a decade have labels
MOST_MARKS = 300  # of one series; more are drawn as thin strokes
MOST_ALONG = 44  # of a line of words along rows
MOST_LETTERS = 28  # of the labels along a panel, side by side, and of a title beside rows


def save(picture, path, title, ranked):
    """Effect: writes the picture as PNG, SVG or PDF by the ending of `path`. Pictures of the same
    data are the same bytes."""
    columns = min(picture.columns, len(picture.panels))
    rows = -(-len(picture.panels) // columns)
    by_point = any(panel.y.by_point for panel in picture.panels)
    most = picture.most_points or (MOST_ROWS if by_point else 0)
    curved = set(ranked if picture.points is None else picture.points)
    held = [number for number in ranked if number in curved]
    shown = set(representatives(held, most))
    height = max(HEIGHT, 0.9 + ROW * len(shown)) if by_point else HEIGHT
    labels = max((len(text) for panel in picture.panels if panel.y.by_point
                  for at, text in panel.y.ticks if at in shown), default=0)
    wide = (WIDTH if columns > 1 else 6.5) * columns + (0.07 * labels)
    with plt.rc_context({"svg.hashsalt": "lockstep", "font.size": 9, "axes.titlesize": 9,
                         "pdf.fonttype": 42, "hatch.linewidth": 0.5}):
        figure = plt.figure(figsize=(wide, height * rows + 0.9), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        order = {number: i for i, number in enumerate(sorted(shown))}
        previous = None
        for number, (axes, panel) in enumerate(zip(grid, picture.panels)):
            beside = previous is not None and number % columns > 0
            repeated = beside and panel.y.by_point and previous.y.by_point
            _panel(axes, panel, order, labelled=not repeated)
            previous = panel
        _share_ends(picture.panels, grid)
        for axes, panel in zip(grid, picture.panels):
            if panel.x.ticks is None and not panel.x.log:
                _space_ticks(axes)
        for axes in grid[len(picture.panels):]:
            axes.set_visible(False)
        _words(figure, grid, picture, title, wide, len(shown) < len(held))
        metadata = {"png": {"Software": None}, "svg": {"Date": None},
                    "pdf": {"CreationDate": None}}.get(path.rsplit(".", 1)[-1].lower())
        figure.savefig(path, dpi=160, metadata=metadata)
        plt.close(figure)


def _words(figure, grid, picture, title, wide, fewer):
    """Title above; caption below; one legend below all panels, or below each its own where their
    entries differ."""
    found = [dict(zip(*axes.get_legend_handles_labels()[::-1])) for axes in grid]
    keys = max(found, key=len)
    if not all(set(entries) <= set(keys) for entries in found):
        keys = {}
        for axes, entries in zip(grid, found):
            if len(entries) > 1:
                axes.legend(entries.values(), entries.keys(), title=picture.subject or None,
                            title_fontsize=7, fontsize=7, frameon=False,
                            handlelength=3, loc="upper center", bbox_to_anchor=(0.5, -0.17))
        rows = -(-len(grid) // picture.columns)
        figure.set_figheight(figure.get_figheight() + 0.15 * rows * max(map(len, found)))
    below = "\n".join(textwrap.wrap(picture.caption + (
        " Some design points only, from best to worst (--select chooses)." if fewer else ""),
        int(wide * 15)))
    lines = below.count("\n") + 1
    longest = max(map(len, keys), default=0)
    columns = max(1, min(len(keys), int(wide / (0.6 + 0.075 * longest)))) if keys else 1
    deep = 0.17 * lines + 0.12 + (0.2 * (math.ceil(len(keys) / columns) + bool(picture.subject)) + 0.1
                                  if len(keys) > 1 else 0)
    high = figure.get_figheight() + deep
    figure.set_figheight(high)
    figure.get_layout_engine().set(rect=(0, deep / high, 1, 1 - deep / high))
    figure.suptitle(title, fontsize=11)
    figure.text(0.5, 0.08 / high, below, ha="center", va="bottom", fontsize=7.5, color="0.3")
    if len(keys) > 1:
        figure.legend(keys.values(), keys.keys(), loc="lower center", ncols=columns, fontsize=8,
                      title=picture.subject or None, title_fontsize=8, frameon=False, handlelength=4,
                      bbox_to_anchor=(0.5, (0.17 * lines + 0.08) / high))


def _share_ends(panels, grid):
    """Panels of one quantity begin and end alike."""
    for name in "xy":
        alike = {}
        for axes, panel in zip(grid, panels):
            scale = getattr(panel, name)
            if scale.label and not scale.by_point:
                alike.setdefault((scale.label, scale.log), []).append(axes)
        for same in alike.values():
            ends = [end for axes in same for end in getattr(axes, f"get_{name}lim")()]
            for axes in same:
                axes.set(**{f"{name}lim": (min(ends), max(ends))})


def _space_ticks(axes):
    """As many numbers along a panel as there is room for, written in full."""
    formatter = matplotlib.ticker.ScalarFormatter(useOffset=False)
    axes.xaxis.set_major_formatter(formatter)
    for most in range(8, 2, -1):
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
        if sum(map(len, formatter.format_ticks(axes.get_xticks()))) <= MOST_LETTERS:
            break


def _panel(axes, panel, order, labelled):
    bands = set()
    for series in panel.series:
        kept = _kept(series, panel, order)
        if kept:
            _series(axes, series, look_in(series, order), *kept, bands)
    for scale, name in ((panel.x, "x"), (panel.y, "y")):
        axis = axes.xaxis if name == "x" else axes.yaxis
        if scale.log:
            axes.set(**{f"{name}scale": "log"})
        if scale.ticks is not None:
            ticks = [(order[at], text) for at, text in scale.ticks if at in order] \
                if scale.by_point else scale.ticks
            axis.set_major_locator(matplotlib.ticker.FixedLocator([at for at, _ in ticks]))
            axis.set_minor_locator(matplotlib.ticker.NullLocator())
            axis.set_major_formatter(matplotlib.ticker.FixedFormatter(
                [text for _, text in ticks] if labelled or name == "x" else [""] * len(ticks)))
            if name == "x" and sum(len(text) for _, text in ticks) > 26:
                axes.tick_params("x", rotation=28)
                for label in axes.get_xticklabels():
                    label.set_ha("right")
        elif scale.log:
            axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda v, _: f"{v:g}"))
            low, high = sorted(axes.get_xlim() if name == "x" else axes.get_ylim())
            if high / low < MOST_LABELLED:
                axis.set_minor_formatter(matplotlib.ticker.FuncFormatter(
                    lambda v, _: f"{v:g}" if f"{v:e}"[0] in "125" else ""))
        if scale.limits:
            axes.set(**{f"{name}lim": scale.limits})
        words = "\n".join(
            textwrap.fill(part, MOST_ALONG) for part in scale.label.replace(", ", ",\n").split("\n")
        ) if len(scale.label) > MOST_LETTERS and scale.by_point else scale.label
        axes.set(**{f"{name}label": words if labelled or name == "x" else ""})
    if panel.y.by_point:
        axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_title(panel.title)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _kept(series, panel, order):
    """x, y, low, high, base of the vertices whose design point is shown, at their rows."""
    columns = [list(series.x), list(series.y)] + [
        list(c) if c is not None else [None] * len(series.x)
        for c in (series.low, series.high, series.base)]
    if series.points is None:
        return columns
    owners = series.points if isinstance(series.points, list) else [series.points] * len(series.x)
    kept = [i for i, owner in enumerate(owners) if owner in order]
    columns = [[column[i] for i in kept] for column in columns]
    if panel.y.by_point:
        columns[1] = [y - owners[i] + order[owners[i]] for y, i in zip(columns[1], kept)]
    return columns if kept else None


def _series(axes, series, look, x, y, low, high, base, bands):
    colour, dash, marker = COLOURS[look.colour], DASHES[look.dash], MARKERS[look.marker]
    label = series.label if series.legend else None
    if series.kind == "fill":
        axes.fill(x, y, facecolor=colour, edgecolor=colour, alpha=0.45, linewidth=0.8, label=label)
    elif series.kind == "bar":
        axes.barh(y, x, left=base, height=0.75, color=colour, edgecolor="white", linewidth=0.4,
                  hatch=HATCHES[look.colour], label=label)
    elif series.kind == "marks":
        _marks(axes, series, x, y, low, high, colour, marker, label)
    else:
        step = {"step": {"step": "post"}, "drop": {"step": "pre"}}.get(series.kind, {})
        band = (*x, *low, *high)
        if series.low is not None and band not in bands:  # equal bands do not add up
            bands.add(band)
            ends = [[math.nan if v is None or not math.isfinite(v) else v for v in side]
                    for side in (low, high)]
            axes.fill_between(x, *ends, color=colour, alpha=0.18, linewidth=0, **step)
        style = {"drawstyle": f"steps-{step['step']}"} if step else \
            {} if series.plain else {"marker": marker, "markersize": 4}
        axes.plot(x, y, color=colour, linestyle=dash, linewidth=1.4, label=label, **style)


def _marks(axes, series, x, y, low, high, colour, marker, label):
    """Marks with error bars; where the sample does not bound a value above, an open triangle."""
    values = x if series.across else y
    ends = [[abs(v - e) if e is not None and math.isfinite(e) else 0 for v, e in zip(values, side)]
            for side in (low, high)]
    opened = any(h == math.inf and l != -math.inf for l, h in zip(low, high))
    if opened:
        marker = ">" if series.across else "^"
    dense = len(x) > MOST_MARKS
    axes.errorbar(x, y, **{"xerr" if series.across else "yerr": ends if low[0] is not None else None},
                  linestyle="none", marker="|" if dense else marker, markersize=9 if dense else 5,
                  alpha=0.5 if dense else 1, color=colour, capsize=2, linewidth=1.1,
                  markerfacecolor="white" if opened else colour, label=label)
