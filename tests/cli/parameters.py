"""Reads `lockstep list parameters` and makes bad values of every row."""

import re
from dataclasses import dataclass

EXAMPLE = {"s": "1s", "B": "1B", "B/s": "1B/s", "W": "1W", "J": "1J", "W/s": "1W/s", "/s": "1/s", "step": "1step",
           "FLOP/s": "1FLOP/s"}
# Right for another dimension: a size where a time is due, a time for anything else.
FOREIGN = {"s": "3GB"}
# A topology reads its own free texts, no other one's.
BESIDE = {"topology.shape": "kind = ocs_torus", "topology.mapping": "kind = ocs_torus",
          "topology.machine": "kind = torus"}


@dataclass
class Row:
    key: str
    allowed: str

    @property
    def kind(self):
        if self.allowed.startswith("text"):
            return "text"
        if self.allowed.startswith("a whole number"):
            return "count"
        if self.allowed.startswith("a law"):
            return "law"
        return "real" if re.match(r"[>\d]", self.allowed) else "choice"

    @property
    def unit(self):
        """Of the lower bound: "s" in "0s .. 1e+13d"; "" for a bare number."""
        return re.search(r"(?:>=|>|number|value|^)\s*[\d.e+-]+?([A-Za-z/]*)(?: |,|$)",
                         self.allowed).group(1)

    @property
    def section(self):
        return self.concrete.rsplit(".", 1)[0]

    @property
    def name(self):
        return self.concrete.rsplit(".", 1)[1]

    @property
    def concrete(self):
        return self.key.replace("*", "OURS")


def read_rows(listing):
    found = re.findall(r"^(\S+) = .*\n    .*\n    allowed: (.*)$", listing, re.M)
    assert len(found) == len(re.findall(r"^\S", listing, re.M)) > 40
    return [Row(key, allowed) for key, allowed in found]


def bad_values(row):
    """(value, what is wrong) of one row; at least two for each."""
    if row.key == "fleet.chips":
        return [("H100", "no count"), ("H100:0", "whole number"), ("H100:-5", "whole number"),
                ("H100:1.5", "whole number"), ("H1000:8", "did you mean H100?"),
                ("H100:8, H100:8", "twice"), (":8", "generation"), ("nan", "no count"), ("8", "names no generation")]
    if row.key == "sampling.seed":
        return [("-1", "not a seed"), ("18446744073709551616", "not a seed"), ("1s", "not a seed"),
                ("nan", "not a seed"), ("x", "not a seed")]
    if row.kind == "text":
        return [("@", ""), ("nan", "")]
    if row.kind == "choice":
        word = row.allowed.split(" | ")[0]
        return [(word + "x", f"did you mean {word}?"), ("3qqqqqq", "choose"), ("nan", "")]
    unit = row.unit
    bad = [("nan", ""), (f"-1{unit}", "allowed: "), ("inf", ""), ("1" + unit + "x", "")]
    bad.append((FOREIGN.get(unit, "3ms"), "unit" if unit else "bare number"))
    if unit:
        bad += [("3", "no unit"), ("0", "no unit")]
    if row.kind == "count":
        bad += [("1.5", "whole number"), ("uniform(low=1, high=2)", "")]
    lower, upper = (float(number) for number in re.search(
        r"([\d.e+-]+)[A-Za-z/]*(?: \.\.|, <=) ([\d.e+]+)", row.allowed).groups())
    if lower > 0 or row.allowed.startswith("> 0"):
        bad.append((f"0{unit}", "out of range"))
    if unit:
        bad.append((f"1e300{unit}", "out of range"))
    else:
        bad.append((f"{upper * 2:g}", "out of range"))
    if row.kind in ("law", "real"):
        bad.append((f"exponential(mean={EXAMPLE.get(unit, '1')}", ""))
    return bad


def study_with(row, value):
    """The text of a study that sets the row's key to `value`, and the key's line."""
    lines = [] if row.section == "fleet" and row.name == "chips" else ["[fleet]",
                                                                       "chips = H100:64"]
    if row.section == "fleet":
        lines = lines or ["[fleet]"]
    else:
        lines.append(f"[{row.section}]")
    if row.key in BESIDE:
        lines.append(BESIDE[row.key])
    lines.append(f"{row.name} = {value}")
    return "\n".join(lines) + "\n", len(lines)
