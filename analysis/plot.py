#!/usr/bin/env python3
"""Draws the distribution of step time of a result file: one curve per design point.

    analysis/plot.py FILE.h5 -o FIGURE.png        (also .svg, .pdf)
"""

import argparse

from lockstep_results import design_points, load

try:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy
except ImportError as error:
    raise SystemExit(f"{error}: install the package python3-matplotlib (for /usr/bin/python3)")

# Colours of Okabe and Ito, told apart by the colour-blind; line styles tell them apart in grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
STYLES = ["-", "--", ":", "-."]


def curve_styles(points):
    """The first axis takes colours, the second line styles; a single axis takes both."""
    first, second = [], []
    for choice, _ in points:
        values = [str(v) for v in choice.values()]
        for seen, value in ((first, values[0] if values else ""), (second, " ".join(values[1:]))):
            if value not in seen:
                seen.append(value)
        yield (
            COLOURS[first.index(values[0] if values else "") % len(COLOURS)],
            STYLES[second.index(" ".join(values[1:])) % len(STYLES)],
        )


def draw(data, axes):
    points = list(design_points(data))
    for (choice, point), (colour, style) in zip(points, curve_styles(points)):
        times = numpy.sort(point["step_time"].values.ravel())
        times = times[~numpy.isnan(times)]
        share = (numpy.arange(times.size) + 1) / times.size
        label = ", ".join(str(v) for v in choice.values()) or "all trials"
        axes.step(times, share, where="post", color=colour, linestyle=style, label=label)
    axes.set_xlabel("step time [s]")
    axes.set_ylabel("share of steps at or below")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("-o", "--output", required=True)
    arguments = parser.parse_args()
    data = load(arguments.file)
    figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
    draw(data, axes)
    axes.set_title(data.attrs.get("title", ""), fontsize=10)
    figure.savefig(arguments.output, dpi=160, metadata={"Software": None} if arguments.output.endswith(".png") else None)


if __name__ == "__main__":
    main()
