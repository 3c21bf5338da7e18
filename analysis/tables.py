"""The tables of a report, as HTML."""

import html

from design import parameters
from measures import ALL, STEP_TIME, asked, between, text, there, trains

SHOWN_ATTRIBUTES = ["program_version", "git_commit", "seed_text", "study_id",
                    "lockstep_schema_version", "overrides", "blocks_missing"]
QUANTILES = ("p50", "p95", "p99")


def design_point_table(design):
    """One row a design point: its axes, the mean of each measure, quantiles of step time; what the
    study asks for beyond training, before it where training is not asked for."""
    training = [measure for measure in ALL if there(design, measure)]
    names = {measure.name for measure in training}
    beyond = [measure for _, *kinds in asked(design) for kind in kinds for measure in kind
              if measure.name not in names]
    shown = training + beyond if trains(design) else beyond + training
    head = [_header(axis.title) for axis in design.axes]
    for measure in shown:
        head.append(_header(measure.label, number=True))
        if measure == STEP_TIME:
            head += [_header(f"{name} [s]", number=True) for name in QUANTILES]
    rows = [_row(design, point, shown) for point in design.points]
    return (f'<table class="points sortable"><thead><tr>{"".join(head)}</tr></thead>'
            f'<tbody>{"".join(rows)}</tbody></table>')


def _row(design, point, shown):
    cells = [f"<td>{html.escape(label)}</td>" for label in point.labels]
    for measure in shown:
        mean = measure.of(design, point)
        cells.append(_number(mean.value, text(mean)))
        if measure == STEP_TIME:
            for name in QUANTILES:
                e = measure.of(design, point, name)
                cells.append(_number(e.value, between(e)))
    choice = str(design.known(point, "topology_choice") or "")
    return (f'<tr data-point="{point.number}" title="{html.escape(choice, quote=True)}">'
            f'{"".join(cells)}</tr>')


def parameter_table(design):
    rows = "".join(f"<tr><td>{html.escape(key)}</td><td>{html.escape(value.strip())}</td></tr>"
                   for key, value in parameters(design.data).items())
    return f'<table class="parameters"><tbody>{rows}</tbody></table>'


def provenance_table(design, runtime):
    pairs = [(name, design.data.attrs[name]) for name in SHOWN_ATTRIBUTES
             if name in design.data.attrs]
    pairs += [(name, value) for name, value in runtime.items()]
    rows = "".join(f"<tr><td>{html.escape(name.replace('_', ' '))}</td>"
                   f"<td>{html.escape(_shown(value))}</td></tr>" for name, value in pairs)
    return f'<table class="parameters"><tbody>{rows}</tbody></table>'


def _shown(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _header(name, number=False):
    kind = ' class="number"' if number else ""
    return f'<th{kind} tabindex="0">{html.escape(name)}</th>'


def _number(value, words):
    return f'<td class="number" data-value="{value:.9g}">{html.escape(words)}</td>'
