"""The report: what it says, and that it opens offline and is drawn in a browser."""

import html
import json
import re
import shutil
import subprocess
import sys

import h5py
import pytest

import report

LARGEST = 10_000_000  # bytes
# Opened as a person would: choose one topology, then a logarithmic axis; what is on the page then
# stands in attributes of its body.
CLICKS = """
<script>
(async () => {
  const until = async (done) => { while (!done()) await new Promise((go) => setTimeout(go, 20)); };
  const rows = () => [...document.querySelectorAll("tr[data-point]")].filter((r) => !r.hidden).length;
  const curves = () => document.querySelectorAll("#distribution .panel .scatterlayer .js-line").length;
  const said = document.body.dataset;
  await until(() => said.drawn);
  said.before = `${rows()} ${curves()}`;
  const plot = document.querySelector("#distribution .plot");
  document.querySelector('input[value="ring"]').click();
  await until(() => rows() < 4);
  await new Promise((go) => setTimeout(go, 300));
  said.after = `${rows()} ${curves()}`;
  said.scaleBefore = plot.layout.xaxis.type;
  document.querySelector('input[name="distribution.log.x"]').click();
  await until(() => plot.layout.xaxis.type === "log");
  said.scaleAfter = plot.layout.xaxis.type;
  said.address = location.hash;
  const cell = () => document.querySelector("tr[data-point]").cells[0].textContent;
  const heads = [...document.querySelectorAll(".sortable th")];
  heads.find((head) => head.textContent.startsWith("MFU")).click();
  const low = document.querySelector("tbody tr").dataset.point;
  heads.find((head) => head.textContent.startsWith("MFU")).click();
  said.sorted = low !== document.querySelector("tbody tr").dataset.point;
})();
</script>
"""

SORT = """
<script>
(async () => {
  while (!document.body.dataset.drawn) await new Promise((go) => setTimeout(go, 20));
  const heads = [...document.querySelectorAll(".sortable th")];
  heads.find((head) => head.textContent.startsWith("goodput")).click();
  document.body.dataset.order = [...document.querySelectorAll("tbody tr[data-point]")]
    .map((row) => row.dataset.point).join(" ");
})();
</script>
"""

LOOKS = """
<script>
(async () => {
  while (!document.body.dataset.drawn) await new Promise((go) => setTimeout(go, 20));
  const plots = [...document.querySelectorAll("#distribution .panel > .plot")];
  const lines = plots[0].data.filter((trace) => trace.line && trace.line.width > 1 && trace.line.shape === "hv");
  const last = (list) => list[list.length - 1];
  const tails = plots[2].data.filter((trace) => trace.line && trace.line.shape === "vh");
  document.body.dataset.looks = JSON.stringify({
    ranges: plots.map((plot) => plot.layout.xaxis.range), dashes: lines.map((trace) => trace.line.dash),
    largest: tails.map((trace) => [last(trace.x), last(trace.y)]), tail: plots[2].layout.yaxis.ticktext,
    low: Math.pow(10, plots[2].layout.yaxis.range[0]) });
})();
</script>
"""


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium")
    if not path:
        pytest.skip("NO BROWSER: the report's page was not opened (install chromium)")
    return path


@pytest.fixture(scope="module")
def page(repository, binary, results, tmp_path_factory):
    """Text of the report of a result file."""
    made = {}

    def of(name, *more):
        if name not in made:
            out = tmp_path_factory.mktemp("report") / "report.html"
            ended = subprocess.run(
                [sys.executable, repository / "analysis/report.py", "--program", binary, name, "-o",
                 out, *more],
                cwd=results, text=True, capture_output=True, timeout=120, check=False)
            assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
            made[name] = out.read_text()
        return made[name]

    return of


def shown(browser, tmp_path, text, address=""):
    """The page's elements after its scripts ran, and what they wrote to the console."""
    (tmp_path / "page.html").write_text(text)
    ended = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--no-first-run", f"--user-data-dir={tmp_path / 'browser'}", "--enable-logging=stderr",
         "--v=0", "--virtual-time-budget=30000", "--window-size=1400,1000", "--dump-dom",
         f"file://{tmp_path / 'page.html'}{address}"],
        text=True, capture_output=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, [line for line in ended.stderr.splitlines() if "CONSOLE" in line]


def first_paragraph(text):
    answer = re.search(r'<section class="answer">\s*<p>(.*?)</p>', text, re.S).group(1)
    return html.unescape(re.sub("</?span>", "", answer)).replace("\xa0", " ")


def data_of(text):
    return json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.S).group(1))


@pytest.mark.parametrize("name, words", [
    ("mixed.h5", [r"The shortest step is \d.*± .* MFU.* with ", r"Against equal work: with proportional"]),
    ("long_run.h5", [r"The highest goodput is .* ± .* %",
                     r"Best checkpoint interval: .*optimal with spares unlimited: \d",
                     r"Spares: .* is within 1 % of unlimited"]),
    ("scaling.h5", [r"At 256 chips the best MFU is .* ± "]),
    ("uncertain.h5", [r"The step time is .* ± "]),
])
def test_the_first_paragraph_answers_with_intervals(page, name, words):
    for pattern in words:
        assert re.search(pattern, first_paragraph(page(name))), first_paragraph(page(name))


def test_an_availability_study_is_judged_by_its_share(page):
    text = page("slices.h5")
    assert re.search(r"The highest schedulable share is .* ± .* %.* For slice chips 64, 128, 256 the "
                     r"schedulable share is, in %: .* with ocs_torus; .* with torus, each within "
                     r"\d.* points", first_paragraph(text))
    assert [p["name"] for p in data_of(text)["pictures"]] == ["design_points", "sweep", "convergence"]


def test_the_page_says_what_was_asked_and_where_it_comes_from(page):
    text = page("mixed.h5")
    assert "<h1>Mixed fleet</h1>" in text
    assert '<p class="question">What does the slowest generation cost?</p>' in text
    assert "straggler_fraction = 0.01" in text and "git commit" in text and "cpu s" in text
    assert text.count("data-point=") >= 4
    assert "spike_delay = pareto(minimum=0.001s, shape=1.5) has no finite variance" in text


def test_the_page_is_self_contained(page):
    text = page("mixed.h5")
    assert 500_000 < len(text.encode()) < LARGEST
    assert "default-src 'none'" in text  # browsers then load nothing at all
    assert not re.search(r"""\b(src|href)=|<(link|img|iframe|form)\b|url\(|@import|\bfetch\(|XMLHttp""",
                         re.sub(r'<script id="(library|data)".*?</script>', "", text, flags=re.S))
    assert "{{" not in text


def test_shards_with_one_missing_are_reported_as_such(script, results, tmp_path):
    out = tmp_path / "report.html"
    ended = script("report.py", "shards/mixed.0-of-3.h5", "shards/mixed.2-of-3.h5", "-o", out)
    assert ended.returncode == 0, ended.stderr
    assert "<li>4 of 12 blocks of trials are missing</li>" in out.read_text()


def test_figures_tell_nearly_equal_steps_apart():
    steps = [1.25 + i * 1e-8 for i in range(10)]
    assert len(set(json.loads(report.json_of(steps)))) == len(steps)


@pytest.mark.parametrize("arguments, words", [
    (["absent.h5", "-o", "x.html"], "absent.h5 does not exist"),
    (["mixed.h5", "-o", "mixed.h5"], "-o mixed.h5 is no page: its name must end in .html"),
    (["mixed.ini", "-o", "x.html"], "no readable HDF5 file"),
    (["mixed.h5", "-o", "no/x.html"], "the folder no does not exist"),
])
def test_bad_input_ends_with_one_line(script, arguments, words):
    ended = script("report.py", *arguments)
    assert ended.returncode == 2
    assert re.fullmatch(f"report.py: .*{words}.*\n", ended.stderr)


@pytest.mark.parametrize("name", ["long_run.h5", "scaling.h5"])
def test_every_figure_is_drawn_without_an_error(page, browser, tmp_path, name):
    elements, console = shown(browser, tmp_path, page(name))
    assert console == []
    pictures = data_of(page(name))["pictures"]
    assert len(pictures) >= 3 and 'data-drawn="yes"' in elements
    plots = elements.count('class="plot js-plotly-plot"')
    assert plots == sum(len(picture["panels"]) for picture in pictures)
    assert elements.count('class="point"') > 10


def test_controls_change_the_figures(page, browser, tmp_path):
    clicked = page("mixed.h5").replace("</body>", CLICKS + "</body>")
    elements, console = shown(browser, tmp_path, clicked)
    assert console == []
    body = re.search(r"<body[^>]*>", elements).group(0)
    before = re.search(r'data-before="4 (\d+)"', body)
    after = re.search(r'data-after="2 (\d+)"', body)
    assert before and after and 0 < int(after[1]) < int(before[1]), body
    assert 'data-scale-before="linear"' in body and 'data-scale-after="log"' in body
    assert "topology.kind=tree" in html.unescape(body) and "log=distribution.0.x" in body
    assert 'data-sorted="true"' in body


def test_unknown_values_are_sorted_last(altered, browser, tmp_path):
    def change(file):
        goodput = file["goodput"]
        goodput[:] = goodput[:][:, ::-1, :1] + 0 * goodput[:]  # one value each, first the largest
        goodput[:, 1] = float("nan")

    design = altered("long_run.h5", change)
    text = report.page_of(design, {}).replace("</body>", SORT + "</body>")
    elements, console = shown(browser, tmp_path, text)
    assert console == []
    order = re.search(r'data-order="([^"]*)"', elements).group(1).split()
    values = dict(zip(map(str, range(9)), design.data.goodput.values[..., 0].ravel()))
    known = [number for number in values if values[number] == values[number]]
    assert order[:6] == sorted(known, key=values.get) and sorted(order[6:]) == ["1", "4", "7"]


def test_an_address_brings_a_view_back(page, browser, tmp_path):
    elements, console = shown(browser, tmp_path, page("mixed.h5"), "#topology.kind=tree")
    assert console == []
    assert len(re.findall(r"<tr data-point[^>]*hidden", elements)) == 2
    figure = elements[elements.index('id="design_points"'):].split("</figure>")[0]
    assert "tree, equal" in figure and "ring, equal" not in figure


def test_figures_of_the_page_hide_nothing(page, results, browser, tmp_path):
    """As those of plot.py: panels of step time end alike and hold the largest step, no two lines
    have one dash, and a number on a log scale is written in full."""
    elements, console = shown(browser, tmp_path, page("mixed.h5").replace("</body>", LOOKS + "</body>"))
    assert console == []
    looks = json.loads(html.unescape(re.search(r'data-looks="([^"]*)"', elements).group(1)))
    with h5py.File(results / "mixed.h5") as file:
        steps = file["step_time"][:].reshape(4, -1)
    assert looks["ranges"][0] == looks["ranges"][1] == looks["ranges"][2]
    assert looks["ranges"][0][0] < steps.min() and looks["ranges"][0][1] > steps.max()
    assert len(looks["dashes"]) == len(set(looks["dashes"])) == 4
    assert looks["largest"] == [pytest.approx([s.max(), 1 / s.size]) for s in steps]
    assert looks["low"] < 1 / steps[0].size and looks["tail"][-3:] == ["0.2", "0.5", "1"]
