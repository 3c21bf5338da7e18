"""What the program says of one result file, asked for once each."""

import program as lockstep
from estimate import NOTHING, read

MOST_PAIRS = 5000  # of one call: a command line holds no more than 128 KiB in one piece


class Summary:
    """Answers of `lockstep summary --json` on `file`. Design points are numbered as the file has
    them, row-major over its axes, the last running fastest."""

    def __init__(self, program, file):
        self.program, self.file = program, file
        self.told = lockstep.ask(program, file)
        self.axes, self.points = self.told["axes"], self.told["points"]
        self.units = {v["variable"]: v["units"] for v in self.told["variables"]}
        self.dimensions = {v["variable"]: v["dimension"] for v in self.told["variables"]}
        self._answers, self._differences, self._series = {}, {}, {}
        for row in self.told["answers"]:
            key = row["variable"], row["point"], row.get(self.dimensions.get(row["variable"]))
            self._answers[key] = row

    def elements(self, variable):
        """The generations, causes or limits that a variable has values of, in the file's order."""
        return list(dict.fromkeys(e for name, _, e in self._answers if name == variable))

    def row(self, variable, point, element=None):
        """The whole row of answers, or {}."""
        return self._answers.get((variable, point, element), {})

    def estimate(self, variable, point, statistic="mean", element=None, factor=1):
        """A statistic ("mean", "p99") of a variable at a design point, times `factor`."""
        row = self.row(variable, point, element)
        return read(row[statistic], factor) if row else NOTHING

    def differences(self, variable, pairs, element=None):
        """{pair: {"absolute": estimate, "relative": estimate}} of the means of a variable, or of one
        of its elements; a pair is two tuples of design points, whose mean counts."""
        due = [p for p in dict.fromkeys(pairs) if (variable, element, *p) not in self._differences]
        for begin in range(0, len(due), MOST_PAIRS):
            texts = [":".join("+".join(map(str, side)) for side in pair)
                     for pair in due[begin:begin + MOST_PAIRS]]
            told = lockstep.ask(self.program, self.file, "--variable", variable, "--pairs",
                                ",".join(texts))
            for row in told["differences"]:
                key = (variable, row.get(self.dimensions.get(variable)), tuple(row["first"]),
                       tuple(row["second"]))
                self._differences[key] = {kind: read(e) for kind, e in row["mean"].items()}
        return {pair: self._differences[(variable, element, *pair)] for pair in pairs}

    def series(self, part, variables, points):
        """Rows of "distributions", "convergence" or "sensitivity" of some variables at some
        points."""
        key = part, tuple(variables), tuple(points)
        if key not in self._series:
            option = {"distributions": "--distribution"}.get(part, f"--{part}")
            self._series[key] = lockstep.ask(
                self.program, self.file, option, "--variable", ",".join(variables), "--points",
                ",".join(map(str, points)))[part]
        return self._series[key]
