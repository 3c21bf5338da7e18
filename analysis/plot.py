#!/usr/bin/python3
"""Draws one figure of a result file, for a paper.

    analysis/plot.py FILE.h5 -o FIGURE.png            (also .svg, .pdf)
    analysis/plot.py FILE.h5 --figure utilisation -o FIGURE.pdf
    analysis/plot.py --list [FILE.h5]                 what there is, or what this file gives

FILE.h5 may also be the shards of one run, or a folder of them.
"""

import argparse
import os

import lockstep_results
import program
from design import Design
from lockstep_results import ResultsError
from measures import main_measure, ranking
from picture import LINES, NotShown
from summary import Summary
from views import FIGURES

ENDINGS = (".png", ".svg", ".pdf")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE.h5")
    parser.add_argument("-o", "--output", metavar="FIGURE")
    parser.add_argument("--figure", metavar="NAME", help="one of --list; default distribution")
    parser.add_argument("--select", action="append", default=[], metavar="AXIS=VALUE[;VALUE...]",
                        help="these values of an axis only; may be given again for other axes")
    parser.add_argument("--timeline", metavar="FILE.csv", help="events of one trial")
    parser.add_argument("--list", action="store_true", help="names the figures and ends; of a file, those it gives, and why not the others")
    program.add_option(parser)
    return parser.parse_args()


def choices(texts):
    """{axis: [value, ...]} of the --select options."""
    found = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals:
            raise ResultsError(f"--select {text} has no = (it is AXIS=VALUE;VALUE)")
        found.setdefault(name.strip(), []).extend(v.strip() for v in values.split(";"))
    return found


def chosen_figure(name):
    for figure in FIGURES:
        if figure.name == name:
            return figure
    raise ResultsError(f"{name} is no figure (they are {', '.join(f.name for f in FIGURES)})")


def listed(design):
    """A line a figure: what it shows, or why the file does not give it."""
    for figure in FIGURES:
        try:
            figure.draw(design)
            print(f"{figure.name:15s} {figure.summary}")
        except NotShown as reason:
            print(f"{figure.name:15s} not of this file: {reason}")


def main():
    options = arguments()
    if options.list and not options.files:
        for figure in FIGURES:
            print(f"{figure.name:15s} {figure.summary}")
        return
    if not options.list:
        check_output(options.output)
    figure = chosen_figure(options.figure or ("timeline" if options.timeline else "distribution"))
    lockstep = program.find(options.program)
    with program.one_file(lockstep, options.files) as file:
        design = Design(lockstep_results.load(file), Summary(lockstep, file),
                        choices(options.select), timeline=options.timeline, curves=LINES)
        if options.list:
            listed(design)
            return
        try:
            picture = figure.draw(design)
        except NotShown as reason:
            raise ResultsError(f"no figure {figure.name} of this file: {reason}") from None
        from paint import save

        save(picture, options.output, design.title, ranking(design, main_measure(design)))


def check_output(path):
    if not path or not path.lower().endswith(ENDINGS):
        raise ResultsError(f"-o FIGURE is due, ending in {', '.join(ENDINGS)}")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise ResultsError(f"the folder {folder} does not exist")


if __name__ == "__main__":
    lockstep_results.run(main)
