#!/usr/bin/python3
"""Makes one self-contained page of a result file: question, answer, figures, all design points.

    analysis/report.py FILE.h5 -o report.html

The page opens offline in any browser of 2023 or later. FILE.h5 may also be the shards of one run,
or a folder of them.
"""

import argparse
import base64
import dataclasses
import gzip
import html
import json
import math
import os
import pathlib
import re
import warnings

import lockstep_results
import program
from answers import first_paragraph, question, second_paragraph, third_paragraph
from answers.cautions import cautions
from design import Design
from lockstep_results import ResultsError
from measures import SCHEDULABLE, STEP_TIME, asked, main_measure, ranking, trains
from packages import end_without
from picture import COLOURS, LINES, NotShown
from summary import Summary
from tables import design_point_table, parameter_table, provenance_table
from views import FIGURES

PAGE = pathlib.Path(__file__).resolve().parent / "page"
DIGITS = 9  # of numbers in figures: tells steps apart that differ by little
CURVES = 48  # design points whose curves the page holds: about 40 kB each


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="report.html")
    parser.add_argument("--timeline", metavar="FILE.csv", help="events of one trial, for a figure")
    program.add_option(parser)
    options = parser.parse_args()
    if not options.output.lower().endswith((".html", ".htm")):
        raise ResultsError(f"-o {options.output} is no page: its name must end in .html")
    folder = os.path.dirname(options.output) or "."
    if not os.path.isdir(folder):
        raise ResultsError(f"the folder {folder} does not exist")
    lockstep = program.find(options.program)
    with program.one_file(lockstep, options.files) as file:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the program says on the page what is missing
            data = lockstep_results.load(file)
        design = Design(data, Summary(lockstep, file), timeline=options.timeline, curves=CURVES)
        page = page_of(design, lockstep_results.runtime(file))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(page)


def page_of(design, runtime):
    """The page as text."""
    pictures = drawn(design)
    answer = [first_paragraph(design), third_paragraph(design), second_paragraph(design)]
    values = {
        "title": html.escape(design.title or "A study"),
        "question": f'<p class="question">{html.escape(question(design.data))}</p>'
        if question(design.data) else "",
        "answer": "\n".join(f"<p>{_sentences(said)}</p>" for said in answer if said),
        "cautions": "".join(f"<li>{html.escape(text)}</li>" for text in
                            cautions(design)) or "<li>None.</li>",
        "table": design_point_table(design),
        "study": html.escape(str(design.data.attrs.get("study", ""))),
        "parameters": parameter_table(design),
        "provenance": provenance_table(design, runtime),
        "style": (PAGE / "report.css").read_text(encoding="utf-8"),
        "script": "\n".join((PAGE / name).read_text(encoding="utf-8")
                            for name in ("pictures.js", "report.js")),
        "data": json_of({
            "axes": [{"name": a.name, "title": a.title, "labels": a.labels} for a in design.axes],
            "points": [{"text": p.text, "index": p.index} for p in design.points],
            "ranking": ranking(design, main_measure(design)),
            "colours": COLOURS, "lines": LINES,
            "pictures": pictures}),
        "library": base64.b64encode(gzip.compress(plotting_library(), 6, mtime=0)).decode(),
    }
    page = (PAGE / "report.html").read_text(encoding="utf-8")
    parts = page.split("{{")
    return parts[0] + "".join(values[name] + rest for name, rest in
                              (part.split("}}", 1) for part in parts[1:]))


def _sentences(said):
    """Sentences of a paragraph, each apart, so that the style may give it a line of its own."""
    return " ".join(f"<span>{_together(html.escape(sentence))}</span>" for sentence in said)


def _together(text):
    """Numbers that no line break parts from their interval and unit, with a true minus sign."""
    text = re.sub(r"(?<![\w.)-])-(?=\d)", "−", text)
    text = text.replace("&gt; ", "&gt;&nbsp;")
    return text.replace(" ± ", "&nbsp;±&nbsp;").replace(" %", "&nbsp;%")


def drawn(design):
    """Every picture that the file can give and that says something; what is along the axes once."""
    found = {}
    for figure in FIGURES:
        try:
            found[figure.name] = dataclasses.replace(figure.draw(design), name=figure.name)
        except NotShown:
            continue
    if {"goodput", "scaling"} & set(found):
        found.pop("sweep", None)
    if len(design.generations) < 2:
        found.pop("waiting", None)
    measure = main_measure(design)
    if measure == SCHEDULABLE or not trains(design):  # steps only come along
        found = {name: picture for name, picture in found.items()
                 if name not in ("distribution", "utilisation", "step_parts", "waiting")}
    first = {"goodput", "time_lost", "scaling", "mixing_tax"}
    if measure != STEP_TIME:
        first |= {"sweep", "design_points"}
    if not trains(design):
        first |= {name for name, *_ in asked(design)}  # figures are called like them
    return [found[name] for name in sorted(found, key=lambda n: n not in first)]


def plotting_library():
    """plotly.js as bytes, from Debian's python3-plotly."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        end_without(error, "python3-plotly")
    return get_plotlyjs().encode()


def json_of(value):
    """JSON that stands in a page: NaN is null, infinity a text, "<" cannot end the element."""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _plain(value):
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return float(f"{value:.{DIGITS}g}")
    return value


if __name__ == "__main__":
    lockstep_results.run(main)
