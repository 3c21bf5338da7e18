"""What each shipped study showed, sentence by sentence, from its result file.

A study's function gives the words under its "It showed", with every number taken from the file, and
asserts what the words say without a number. test_study_answers.py holds the study's text to it, and
`python3 tests/validation/study_answers.py STUDY FILE.h5 ...` prints it for the study's page.
"""

import re
import sys
import textwrap

import numpy
import xarray


class Results:
    """A result file whose design points are named by labels: results.mean("mfu", "ring", "equal")."""

    def __init__(self, path):
        self.data = xarray.load_dataset(path, engine="h5netcdf")
        self.axes = [d for d in self.data["replicas"].dims]

    def label(self, axis, value):
        return self.data[axis].dtype.type(value) if self.data[axis].dtype.kind == "f" else value

    def at(self, variable, *labels, cause=None, generation=None, **elements):
        """Every value of a variable at one design point; labels in the order of the axes, then of
        dimensions of its own."""
        assert len(labels) == len(self.axes), (labels, self.axes)
        where = {axis: self.label(axis, value) for axis, value in zip(self.axes, labels)} | elements
        if cause is not None:
            where["cause"] = cause
        if generation is not None:
            where["chip_generation"] = generation
        values = self.data[variable].sel(where).values
        assert values.size > 0
        return values

    def phase(self, name, *labels):
        """What a part of the step adds without noise [s]."""
        where = {axis: self.label(axis, value) for axis, value in zip(self.axes, labels)}
        return float(self.data["phase_exposed"].sel({**where, "phase": name}).values)

    def mean(self, variable, *labels, **other):
        return float(numpy.mean(self.at(variable, *labels, **other)))

    def percent(self, variable, *labels, **other):
        return 100 * self.mean(variable, *labels, **other)

    def quantile(self, variable, level, *labels):
        return float(numpy.quantile(self.at(variable, *labels), level))


def quickstart(r):
    ring = r.percent("mfu", "ring", "equal")
    balanced = r.percent("mfu", "ring", "proportional")
    assert all(r.percent("mfu", kind, "proportional") > 1.2 * r.percent("mfu", kind, "equal")
               for kind in ("ring", "tree", "ocs_torus"))
    steps = r.at("step_time", "ring", "equal")
    hit = (steps.mean(axis=-1) > 1.05 * steps.mean(axis=-1).min()).mean()
    assert numpy.mean(steps) < numpy.median(steps) and 0.5 < hit < 0.9
    return f"""At equal work the 768 H100 set the pace and the fleet reaches {ring:.1f} % MFU over
    the ring; balanced work {balanced:.1f} %. The mean lies below the median, as one slow chip in a
    thousand hits {100 * hit:.0f} % of the trials."""


def colossus1(r):
    narrow, wide = "(ocs_torus, 83.3GB/s)", "(ocs_torus, 50GB/s)"
    nccl, ring = "(nccl, 83.3GB/s)", "(ring, 83.3GB/s)"

    def step(kind, share="equal"):
        return r.mean("step_time", kind, share)

    def quiet(share):
        return r.mean("noise_free_step_time", nccl, share)

    def mfu(kind, share):
        return r.percent("mfu", kind, share)

    slower = 100 * (step(wide) / step(nccl) - 1)
    assert abs(step(ring) / step(nccl) - 1) < 1e-3
    assert quiet("equal") < step(nccl) and quiet("proportional") < step(nccl, "proportional")
    assert quiet("equal") < quiet("proportional")
    assert step(narrow, "proportional") < step(narrow) < step(nccl) < step(wide)
    return f"""{step(nccl):.2f} s and {mfu(nccl, "equal"):.1f} % MFU with what NCCL would take, a flat ring,
    and equal work, {quiet("equal"):.2f} s without noise. Work in proportion makes it
    {step(nccl, "proportional"):.2f} s, {quiet("proportional"):.2f} s without noise: each of a stage's 16 chunks
    goes round a ring of 3,432 chips, which a GB200 hides behind the second of two groups of
    microbatches, an H100 behind its only one; nearly every such ring has a slow link, which doubles
    what it takes, and messages enough for a late one in some call. On a torus whose six links
    inject what NVLink and NIC do a step
    takes {step(narrow):.2f} s, in proportion {step(narrow, "proportional"):.2f} s and
    {mfu(narrow, "proportional"):.1f} %; with the links of a TPU v4 {step(wide):.2f} s, {slower:.0f} % more than on
    switches."""


def isolation(r):
    work = {share: r.percent("mfu", share, "ring") for share in ("equal", "proportional", "isolated")}
    return f"""{work["equal"]:.1f} % MFU at equal shares over the ring; balanced
    {work["proportional"]:.1f} % with one model, since an H100 with fewer sequences than it has
    stages waits for them all the same; isolated {work["isolated"]:.1f} % with two, each of which
    takes its own time."""


def mixing_tax(r):
    def mfu(fleet, share):
        return f"{r.percent('mfu', fleet, share):.1f} %"

    hopper, quarter, half = "H100:16384", "H100:12288, GB200:4096", "H100:8192, GB200:8192"
    both = r.percent("mfu", "H100:8192, H200:8192", "equal")
    assert abs(both - r.percent("mfu", hopper, "equal")) < 0.3
    return f"""MFU: H200 beside H100 costs nothing, as their peaks are equal and memory is not in
    the model. A quarter of GB200 at equal shares falls from {mfu(hopper, "equal")} to
    {mfu(quarter, "equal")}, half to {mfu(half, "equal")}; proportional shares bring
    {mfu(quarter, "proportional")} and {mfu(half, "proportional")} back, isolated jobs
    {mfu(quarter, "isolated")} and {mfu(half, "isolated")}."""


def stragglers(r):
    def longer(fraction, slowdown):
        ratio = r.mean("step_time", fraction, slowdown) / r.mean("step_time", 0, slowdown)
        return f"{100 * (ratio - 1):.1f} %"

    def hit(fraction):  # trials with a straggler: slower by more than half of what one costs
        means = r.at("step_time", fraction, 2.5).mean(axis=-1)
        return (means > 1.1 * r.mean("step_time", 0, 2.5)).sum()

    def times(fraction):
        return r.mean("step_time", fraction, 2.5) / r.mean("step_time", 0, 2.5)

    return f"""The slowest chip sets the pace, so how slow matters, how many hardly. One chip in
    10,000 is in {hit(0.0001)} of 100 trials, one in 100,000 in {hit(0.00001)}. Chips 1.1 times as
    slow make the mean step {longer(0.0001, 1.1)}, {longer(0.000625, 1.1)} and {longer(0.005, 1.1)}
    longer where 0.01 %, 0.0625 % and 0.5 % are slow; 2.5 times as slow they make it
    {times(0.0001):.2f}, {times(0.000625):.2f} and {times(0.005):.2f} times as long. To evict them
    helps only when hardly any is left: at one in 100,000 it is {times(0.00001):.2f} times."""


def tenancy(r):
    def longer(tenant, level=None):
        def value(label, kind):
            if level is None:
                return r.mean("step_time", label, kind)
            return r.quantile("step_time", level, label, kind)

        each = [f"{100 * (value(tenant, kind) / value('none', kind) - 1):.0f}"
                for kind in ("ring", "tree")]
        return each[0] if each[0] == each[1] else "-".join(sorted(each, key=float))

    return f"""Slow compute in one's own cluster makes the mean step {longer("single")} % and its
    p95 {longer("single", 0.95)} % longer; in a shared one the mean is {longer("multi")} % and the
    p95 {longer("multi", 0.95)} % longer."""


def batch(r):
    alone, shared = "(16, auto, 1)", "(8, 16, 4)"

    def mfu(tokens, plan, share):
        return f"{r.percent('mfu', tokens, plan, share):.1f}"

    batches = (16777216, 67108864, 225050624)

    def of(plan, share):
        small, middle, large = (mfu(tokens, plan, share) for tokens in batches)
        return f"{small}, {middle} and {large} %"

    return f"""Where each of 1,717 replicas has its own sequences, 16.8M tokens are one or two of them
    for 16 stages: MFU is {of(alone, "equal")} with 16.8M, 67M and 225M tokens, in proportion
    {of(alone, "proportional")}. Where four replicas of 8 stages share each, {of(shared, "equal")}, in
    proportion {of(shared, "proportional")}: the small batches win most."""


def checkpoint(r):
    def goodput(write, interval):
        return r.percent("goodput", write, interval)

    def lost(interval):
        return goodput(5.0, "optimal") - goodput(5.0, interval)

    def minutes(write):
        return r.mean("checkpoint_interval", write, "optimal") / 60

    failures = r.mean("interruptions", 5.0, "optimal")
    recovery = sum(r.mean("time_lost", 5.0, "optimal", cause=c) for c in ("detection", "restart"))
    share = 100 * recovery / (30 * 86400)
    rest = 100 - goodput(5.0, "optimal") - share
    assert share > rest
    return f"""With a stall of 5 s the optimal interval of {minutes(5.0):.1f} min keeps
    {goodput(5.0, "optimal"):.1f} % of the month useful; 2 and 10 min cost {lost("2min"):.1f} and
    {lost("10min"):.1f} points, 30 min {lost("30min"):.0f}, 2 h {lost("2h"):.0f}. A longer stall
    wants longer intervals, {minutes(60.0):.0f} min for 1 min ({goodput(60.0, "optimal"):.1f} %) and
    {minutes(300.0):.0f} min for 5 min ({goodput(300.0, "optimal"):.1f} %), and then the wrong one
    costs more: every 2 min with a stall of 5 min leaves {goodput(300.0, "2min"):.0f} %. Most of
    what is lost at the best interval of the shortest stall is recovery: {failures:.0f} failures are
    {share:.0f} % of the month, which no interval wins back."""


def eviction(r):
    def mfu(slowdown, detection):
        return f"{r.percent('mfu_effective', slowdown, detection):.1f} %"

    slow = r.at("step_time", 1.5, "never").mean(axis=-1)
    hit = 100 * (slow > 1.1 * slow.min()).mean()
    at_most = abs(r.percent("goodput", 1.5, "never") - r.percent("goodput", 1.5, "1h"))
    assert at_most < 1
    assert abs(r.percent("mfu_effective", 1.1, "1d") - r.percent("mfu_effective", 1.1, "10min")) < 0.2
    return f"""An hour is soon enough, a week is not. One chip in 10,000 is 1.6 stragglers in the
    job, which {hit:.0f} % of the trials meet. Chips 1.1 times as slow leave an effective MFU of
    {mfu(1.1, "never")} where they stay, {mfu(1.1, "7d")} if found within 7 days,
    {mfu(1.1, "1d")} within a day; chips 1.5 times as slow leave {mfu(1.5, "never")},
    {mfu(1.5, "7d")}, {mfu(1.5, "1d")} within a day and {mfu(1.5, "1h")} within an hour. To take
    them out costs one planned stop beside {r.mean("interruptions", 1.5, "never"):.0f} failures.
    Goodput alone hardly shows it ({at_most:.1f} points): slow steps are kept."""


def failures_100k(r):
    def goodput(kind, spares, interval="optimal"):
        return r.percent("goodput", kind, interval, spares)

    def lost(cause):
        return 100 * r.mean("time_lost", "tree", "optimal", "unlimited", cause=cause) / (30 * 86400)

    def waits(kind, spares):
        return 100 * r.mean("time_lost", kind, "optimal", spares, cause="waiting") / (30 * 86400)

    assert abs(goodput("tree", "128") - goodput("tree", "unlimited")) < 0.1
    used = r.mean("spares_used", "ocs_torus", "optimal", "unlimited")
    minutes = r.mean("checkpoint_interval", "tree", "optimal", "unlimited") / 60
    effective = [r.percent("mfu_effective", kind, "optimal", "1024") for kind in ("ocs_torus", "tree")]
    assert effective[0] < effective[1]
    return f"""Half a month at best. With a spare always at hand {goodput("tree", "unlimited"):.0f} %
    of the time is useful: {lost("restart"):.0f} % goes to restarts of 10 min after each of
    {r.mean("interruptions", "tree", "optimal", "unlimited"):,.0f} failures,
    {lost("detection"):.0f} % to detection, {lost("lost_work"):.1f} % to lost work,
    {lost("checkpoint"):.1f} % to checkpoints. The optimal interval is {minutes:.1f} min; every 30
    min leaves {goodput("tree", "unlimited", "30min"):.0f} %. Where any node replaces any other
    (tree) 128 spares are as good as no limit. The optical torus replaces cubes of 8 nodes: it used
    {used:.0f} spare nodes (mean of the trials' peaks), waits {waits("ocs_torus", "128"):.0f} % of
    the month with 128, and with 1,024 keeps {goodput("ocs_torus", "1024"):.1f} %; its effective
    MFU, spares counted, is {effective[0]:.1f} % against the tree's {effective[1]:.1f} %, as tensor
    groups speak over links of a sixth of NVLink and NIC, not over NVLink. A static torus needs 64 consecutive planes of 192 nodes without a hole: with
    five planes more (1,024 spares) it waits {waits("torus", "1024"):.0f} % of the month and keeps
    {goodput("torus", "1024"):.2f} %."""


def ocs_slices(r):
    def share(kind, chips, hosts):
        return f"{r.percent('schedulable_share', kind, chips, hosts):.1f} %"

    large = r.at("schedulable_share", "torus", 3072, 0.999)
    return f"""Slices of 1,024 chips use {share("ocs_torus", 1024, 0.99)} of the machine with hosts
    up at 99.0 % and {share("ocs_torus", 1024, 0.995)} at 99.5 % with optical switches (75 % was
    published for both): three of four are nearly always there. With fixed wiring it is
    {share("torus", 1024, 0.99)} and {share("torus", 1024, 0.995)}, and only hosts up at 99.9 %
    bring {share("torus", 1024, 0.999)} (optical {share("ocs_torus", 1024, 0.999)}). Small slices
    lose least, 256 chips at 99.0 % use {share("ocs_torus", 256, 0.99)} and
    {share("torus", 256, 0.99)}. Large ones lose it all at once: one slice of 3,072 is nearly always
    there with optical switches ({share("ocs_torus", 3072, 0.99)} at 99.0 %); with fixed wiring
    hardly ever at 99.0 % ({share("torus", 3072, 0.99)}), and at 99.9 % in
    {100 * (large > 0).mean():.0f} of 100 trials ({share("torus", 3072, 0.999)})."""


def ring_scaling(r):
    small, large = "(8e9, 32, 4096, 1, 1, 8192)", "(405e9, 126, 16384, 8, 16, 1024)"

    def seconds(chips, kind, job=small):
        return r.mean("step_time", f"H100:{chips}", kind, job)

    def percent(kind, chips=131072, job=large):
        longer = 100 * (seconds(chips, kind, job) / seconds(chips, "nccl", job) - 1)
        return f"{round(longer, 1) + 0.0:+.1f} %"  # no -0.0

    kinds = ("nccl", "ring", "tree", "hierarchical_ring", "switch_reduce", "torus", "ocs_torus")
    text = ", ".join(f"{kind} {seconds(131072, kind):.2f} s" for kind in kinds)
    return f"""What nothing hides is the last bucket's way: round a flat ring it passes every chip, and
    where a bucket holds the whole 8B model, over 8,000 chips and more, it is all there is. For
    the 8B model, one sequence a chip, that is {percent("ring", 4096, small)} of a step at 4,096 chips,
    {percent("ring", 16384, small)} at 16,384 and {percent("ring", 131072, small)} at 131,072 against
    what NCCL would take: {text}. The 405B model's rings span 1,024 replicas at most: at 131,072 chips
    {seconds(131072, "nccl", large):.2f} s, the ring {percent("ring")}, the tree {percent("tree")},
    reduction in the switches {percent("switch_reduce")}, and tori, fixed {percent("torus")} and optical
    {percent("ocs_torus")}, whose links carry the tensor groups' traffic, too, which NVLink does
    elsewhere."""


def optical(r):
    plans = ("(64, 1)", "(16, 4)", "(8, 16)", "(4, 32)")

    def mfu(kind, plan):
        return r.percent("mfu", kind, plan)

    def goodput(kind):
        return r.percent("goodput", kind, "(64, 1)")

    gain = {p: 100 * (1 - r.mean("step_time", "ocs_torus", p) / r.mean("step_time", "torus", p))
            for p in plans}
    shapes = [re.search(r"\d+x\d+x\d+", r.at("topology_choice", "ocs_torus", p).item()).group()
              for p in plans]
    waits = 100 * r.mean("time_lost", "torus", "(64, 1)", cause="waiting") / (30 * 86400)
    best, fixed = (max(plans, key=lambda plan, kind=kind: mfu(kind, plan))
                   for kind in ("ocs_torus", "torus"))
    assert min(gain.values()) > 0
    return f"""The plan decides the shape: {", ".join(f"{s} for {p}" for s, p in zip(shapes, plans))}
    (tensor, pipeline). Optical switches make the step {min(gain.values()):.0f}-{max(gain.values()):.0f} %
    shorter than the fixed 12x16x16, most for {max(gain, key=gain.get)}; the best plan, {best}, reaches
    {mfu("ocs_torus", best):.1f} % MFU, that of fixed wiring, {fixed}, {mfu("torus", fixed):.1f} %. In goodput
    more: any cube
    replaces any other, and {goodput("ocs_torus"):.1f} % of the month is useful; with fixed wiring two
    spare planes do not keep up with repairs of a day, the job waits {waits:.0f} % of the month, and
    {goodput("torus"):.1f} % is useful."""


def spares(r):
    short, long = '"lognormal(mean=4h, sigma=1)"', '"lognormal(mean=1d, sigma=1)"'
    short, long = short.strip('"'), long.strip('"')

    def peak(repair):
        used = r.at("spares_used", repair, "unlimited", "wait")
        return f"{used.mean():.0f}", f"{used.max():.0f}"

    def goodput(repair, count, policy):
        return r.percent("goodput", repair, count, policy)

    return f"""As many as are in repair at the worst moment of the month, {peak(short)[0]} (mean of
    the trials' peaks; most {peak(short)[1]}) where a repair takes 4 h on average and
    {peak(long)[0]} (most {peak(long)[1]}) where it takes a day, of 12,288 nodes. With fewer, waiting
    takes nearly all: 32 spares and repairs of a day leave {goodput(long, "32", "wait"):.1f} %
    useful, because some place is nearly always empty. Running smaller instead costs little: 8
    spares keep {goodput(long, "8", "shrink"):.0f} % where no limit keeps
    {goodput(long, "unlimited", "shrink"):.1f} %. A missing node is a missing replica of 768, and
    some of the others take one sequence more."""


def moe(r):
    halved, whole = "(H100:2048, 200GB/s, 62914560)", "(H100:2048, 450GB/s, 62914560)"
    mixed = '("H100:150000, H200:50000, GB200:20000", 450GB/s, 503316480)'

    def step(fleet, schedule, imbalance=1.0):
        return r.mean("step_time", fleet, schedule, imbalance)

    def experts(fleet, schedule):
        return sum(r.phase(name, fleet, schedule, 1.0) for name in ("dispatch", "combine"))

    uneven = 100 * (step(halved, "dual", 1.2) / step(halved, "dual") - 1)
    assert abs(step(whole, "dual") / step(halved, "dual") - 1) < 0.01
    assert step(halved, "dual") < step(halved, "interleaved")
    return f"""With interleaved stages dispatch and combine add {experts(halved, "interleaved"):.1f} s to a
    step of {step(halved, "interleaved"):.1f} s; with microbatches from both ends, which hide them behind
    each other's compute, {experts(halved, "dual"):.1f} s to {step(halved, "dual"):.1f} s. Whole NVLink changes
    nothing: tokens cross nodes at 50 GB/s a chip. Where the fullest experts have 1.2 times the
    mean, the step takes {uneven:.0f} % longer. On the mixed fleet eight times the batch leaves 9 or 10
    microbatches to a pipeline of 16: {r.percent("mfu", mixed, "dual", 1.0):.1f} % MFU against
    {r.percent("mfu", whole, "dual", 1.0):.1f} %."""


def sharding(r):
    optimizer, hybrid = "(distributed_optimizer, auto, 8, none)", "(hsdp, 128, 1, full)"
    sharded = "(fsdp, auto, 1, full)"
    fleets = ("H100:1024", "H100:4096", "H100:16384", "H100:131072")

    def step(fleet, kind, plan):
        return r.mean("step_time", fleet, kind, plan)

    kinds = ("nccl", "ring", "tree", "hierarchical_ring", "switch_reduce", "ocs_torus")
    grouped = [step(fleet, kind, hybrid) for fleet in fleets for kind in kinds]
    even = [step(fleet, kind, optimizer) for fleet in fleets for kind in kinds]
    ring = [step(fleet, "ring", sharded) for fleet in fleets]
    last = fleets[-1]
    assert ring[1] < 1.02 * ring[0] < 1.02 * ring[2]
    assert step(last, "switch_reduce", sharded) < 1.02 * step(fleets[0], "switch_reduce", sharded)
    return f"""Weights sharded over all chips cost nothing over a flat ring up to 4,096 of them
    ({ring[0]:.1f} and {ring[1]:.1f} s a step), {ring[2]:.1f} s at 16,384 and {ring[3]:.0f} s at 131,072, where a
    hierarchical ring takes {step(last, "hierarchical_ring", sharded):.1f}, an optical torus
    {step(last, "ocs_torus", sharded):.1f} and reduction in the switches
    {step(last, "switch_reduce", sharded):.1f} s. NCCL has nothing else than a ring where a node has more
    than one rank. In groups of 128 with copies of the weights it is {min(grouped):.1f}-{max(grouped):.1f} s
    everywhere; a distributed optimizer, with tensor 8 and nothing computed twice, takes
    {min(even):.1f}-{max(even):.1f} s."""


def long_context(r):
    lengths, slow, fast = (8192.0, 32768.0, 131072.0), 0.37, 0.655

    def step(length, context, efficiency=fast):
        return r.mean("step_time", length, float(context), efficiency)

    def mfu(length, context, efficiency):
        return r.percent("mfu", length, float(context), efficiency)

    best = [min((1, 4, 16), key=lambda context, s=length: step(s, context)) for length in lengths]
    assert best == [min((1, 4, 16), key=lambda context, s=length: step(s, context, slow))
                    for length in lengths]
    return f"""Fastest are {best[0]}, {best[1]} and {best[2]} replicas a sequence of 8k, 32k and 131k tokens: steps
    of {step(lengths[0], best[0]):.1f}, {step(lengths[1], best[1]):.1f} and {step(lengths[2], best[2]):.1f} s. A sequence
    of 131k for each replica is one microbatch for 16 stages: {step(lengths[2], 1):.0f} s. There attention
    decides: with the kernels of FlashAttention-2 the step takes {step(lengths[2], best[2], slow):.1f} s, and
    MFU is {mfu(lengths[2], best[2], slow):.0f} % for {mfu(lengths[2], best[2], fast):.0f} % (at 8k
    {mfu(lengths[0], best[0], slow):.0f} and {mfu(lengths[0], best[0], fast):.0f} %)."""


def power_cap(r):
    points = [str(label) for label in r.data[r.axes[0]].values]

    def rate(point):
        return r.mean("tokens_per_step", point) / r.mean("step_time", point)

    def more(value, base):
        return 100 * (value / base - 1)

    free, best = points[0], max(points, key=rate)
    chips, cap = best.strip("()").split(", ")
    lowest = points[-1]
    power = [r.mean("power_mean", point) / 1e6 for point in points]
    assert all(149 < megawatts < 151 for megawatts in power)
    met = [point.strip("()").split(", ")[1] for point in points
           if (r.at("power_compliance", point, limit="ercot_2026") == 1).all()]
    assert met == ["400W", "300W", "200W"]
    swings = [r.mean("power_swing", point) / 1e6 for point in points]
    return f"""Hardly: tokens a second grow by {more(rate(best), rate(free)):.1f} % at best, with
    {more(float(chips[5:]), float(free[6:12])):.0f} % more chips at {cap[:-1]} W, as hosts, network and waits
    take their power whatever the chips do. 500 W wins {more(rate(points[2]), rate(free)):.1f} % with
    {more(156288, 135808):.0f} % more chips, 200 W loses what more chips bring
    ({more(rate(lowest), rate(free)):+.1f} %). What a cap does take away is the swing:
    {swings[0]:.0f} MW without, {swings[2]:.0f} MW at 500 W, {swings[3]:.1f} MW at 400 W, from where
    on ERCOT's 10 MW in any 5 s are met. A step takes
    {100 * r.mean("power_slowdown", points[3]):.0f} % longer there."""


def power_topologies(r):
    def swing(kind, overlap=0.5):
        return r.mean("power_swing", kind, overlap) / 1e6

    def rms(kind, overlap):
        return r.mean("power_band", kind, overlap, band="0.1-1Hz") / 1e6

    def step(kind, overlap=0.5):
        return r.mean("step_time", kind, overlap)

    for kind in ("ring", "tree", "hierarchical_ring"):
        assert abs(swing(kind) / swing("nccl") - 1) < 0.01
        assert abs(rms(kind, 0) / rms("nccl", 0) - 1) < 0.01
    for kind in ("nccl", "torus", "ocs_torus"):
        assert abs(swing(kind, 0) / swing(kind) - 1) < 0.02
    return f"""No: it swings less. The swing is from compute at its peaks to communication, as deep
    at any overlap; what is slower in every layer pulls the mean of compute down with it.
    {swing("nccl"):.2f} MW over what NCCL would take, the ring and the trees alike, at
    {step("nccl"):.2f} s a step; {swing("ocs_torus"):.2f} MW on the optical torus
    ({step("ocs_torus"):.2f} s) and {swing("torus"):.2f} MW on the fixed one
    ({step("torus"):.2f} s), whose links carry the tensor groups' traffic. How long the trough lasts
    is another matter: with nothing hidden the rms within 0.1-1 Hz grows from
    {rms("nccl", 0.5):.2f} to {rms("nccl", 0):.2f} MW over NCCL, from {rms("torus", 0.5):.2f} to
    {rms("torus", 0):.2f} MW on the fixed torus."""


def power_smoothing(r):
    blackwell, mix = [str(label) for label in r.data[r.axes[0]].values]

    def how(floor, filler, storage, delay="none", up="unlimited", down="unlimited", stack="untuned"):
        return f"({floor}, {filler}, {storage}, {delay}, {up}, {down}, {stack})"

    nothing, floor, filler = how(0, 0, "0J"), how(0.9, 0, "0J"), how(0, 0.9, "0J")
    shelf, both, large = how(0, 0, "65J"), how(0.9, 0, "65J"), how(0, 0, "1000J")
    full = how(0, 1, "0J")
    late = how(0.9, 0, "0J", "1s", "500W/s", "500W/s")
    falls, tuned = (how(0.9, 0, "0J", "0s", "500W/s", "500W/s", stack)
                    for stack in ("untuned", "tuned"))
    lower = how(0.7, 0, "0J", "0s", "500W/s", "500W/s")
    slow = how(0.7, 0, "0J", "0s", "70W/s", "500W/s")
    gentle = how(0.9, 0, "0J", "0s", "70W/s", "70W/s")

    def swing(fleet, point):
        return f"{r.mean('power_swing', fleet, point) / 1e6:.1f} MW"

    def cost(fleet, point):
        return f"{r.percent('energy_overhead', fleet, point):.1f} %"

    def longer(fleet, point, digits=1):
        return f"{r.percent('power_slowdown', fleet, point):.{digits}f} %"

    def met(fleet, point, limit):
        return (r.at("power_compliance", fleet, point, limit=limit) == 1).all()

    def start(fleet, point):
        return f"{r.mean('power_start', fleet, point, ramp_window='1s') / 1e6:.0f}"

    def peaks(gb200, hopper):  # 0.2 TDP and what hosts add, behind supplies [MW]
        return 0.2 * (gb200 * 1200 * (1 + 0.2 * 445 / 1010) +
                      hopper * 700 * (1 + 0.2 * 230 / 624)) / 0.94e6

    assert met(blackwell, floor, "ercot_2026") and met(mix, floor, "ercot_2026")
    assert not met(blackwell, shelf, "ercot_2026") and not met(mix, shelf, "ercot_2026")
    assert met(blackwell, both, "ieso") and met(mix, both, "ieso") and not met(mix, floor, "ieso")
    assert r.mean("power_slowdown", mix, floor) == 0
    assert r.mean("power_swing", mix, full) > 2 * r.mean("power_swing", mix, filler)
    for fleet in (blackwell, mix):
        assert r.mean("power_slowdown", fleet, late) == r.mean("power_slowdown", fleet, tuned) == 0
        assert r.mean("power_slowdown", fleet, gentle) < r.mean("power_slowdown", fleet, falls)
    assert r.mean("power_swing", blackwell, late) == r.mean("power_swing", blackwell, floor)
    assert not met(mix, late, "ercot_2026") and met(blackwell, gentle, "ieso")
    power = r.mean("power_mean", blackwell, nothing) / 1e6
    return f"""The {power:.0f} MW of GB200 swing {swing(blackwell, nothing)}, Colossus 1
    {swing(mix, nothing)} of {r.mean("power_mean", mix, nothing) / 1e6:.0f}. A floor of 0.9 TDP
    leaves {swing(blackwell, floor)} and {swing(mix, floor)} for {cost(blackwell, floor)} and
    {cost(mix, floor)} more energy, within ERCOT's 10 MW, as pipelines spread the peaks of 1.1 TDP:
    all at once these would be {peaks(54720, 0):.0f} and {peaks(20000, 200000):.0f} MW above it.
    Filler of 0.9 does the same for
    {cost(blackwell, filler)} and {cost(mix, filler)}, steps
    {longer(blackwell, filler)} longer; of 1.0 it swings the other way,
    {swing(mix, full)}. 65 J a chip alone leave {swing(blackwell, shelf)} and
    {swing(mix, shelf)}: troughs last longer than they do. 1,000 J leave
    {swing(blackwell, large)} and {swing(mix, large)} for {cost(mix, large)}; 65 J above a floor of
    0.9 leave {swing(blackwell, both)} and {swing(mix, both)}, and meet IESO's 0.25 % too.

    A stack written for Hopper runs into the ramps where waits outlast the stop delay, and nowhere
    else: with 1 s no step is longer, though a few chips of Colossus 1 fall and it swings
    {swing(mix, late)}. Without a delay, at 500 W/s, steps take {longer(blackwell, falls, 2)} longer
    at a floor of 0.9 ({longer(mix, falls, 2)} in Colossus 1, which then swings {swing(mix, falls)}),
    {longer(blackwell, lower)} at 0.7; rising by 70 W/s and falling by 500 {longer(blackwell, slow)}
    and {longer(mix, slow)}. 70 W/s both ways hardly fall within a step
    and leave no room for peaks: GB200 keep {swing(blackwell, gentle)}, within IESO's limit, for
    {longer(blackwell, gentle, 2)} of time. A tuned stack loses none. In the first second of its start the GB200 job rises by {start(blackwell, nothing)} MW
    without ramps, {start(blackwell, falls)} at 500 and {start(blackwell, gentle)} at 70 W/s.
    Hopper in the mix is taken as if it had boxes."""


def serving_mixed_fleet(r):
    mix, alone = "H100:1504, H200:504, GB200:216", ("GB200:216", "H100:1504", "H200:504")
    calm, shared = "(none, 0)", "(multi, 0.02)"

    def first(router, load=0.9, noise=calm, fleet=mix):
        return r.mean("time_to_first_token", fleet, router, load, noise, latency_quantile="p99")

    def share(router, load, noise=calm, fleet=mix):
        return r.percent("serving_rated_share", fleet, router, load, noise)

    def used(router, generation, load=0.9):
        return r.percent("serving_utilization", mix, router, load, calm, generation=generation)

    def joule(fleet):
        return r.mean("serving_tokens_per_joule", fleet, "jsq_speed", 0.9, calm)

    gb200, h100, h200 = (first("jsq_speed", fleet=fleet) for fleet in alone)
    assert gb200 < h100 < first("jsq_speed") < h200
    assert all(99 < share("jsq_speed", 1.1, fleet=fleet) < 102 for fleet in (mix, *alone))
    blind, looking = ("round_robin", "jsq_speed")
    overloaded = [r.mean("serving_overloaded", mix, blind, load, calm) for load in (0.5, 0.7)]
    assert overloaded == [0, 1] and used(blind, "H200") > 99
    kept = r.mean("serving_goodput", mix, blind, 0.7, calm) / \
        r.mean("serving_goodput", mix, looking, 0.7, calm)
    queues = first("least_outstanding")
    assert abs(share("least_outstanding", 0.9) - share(looking, 0.9)) < 0.2
    assert abs(share(looking, 0.9, shared) - share(looking, 0.9)) < 0.2
    for router in ("power_of_two", "least_outstanding", looking):
        assert first(router, noise=shared) < 1.05 * first(router)
    weighted = first("weighted_random")
    joules = [joule(fleet) for fleet in (mix, *alone)]
    return f"""Under a router that knows speeds the mix makes {share(looking, 1.1):.0f} % of the sum of its
    parts, and at 0.9 of that 99 % of requests have their first token within {first(looking):.2f} s: GB200
    alone {gb200:.2f} s, H100 {h100:.2f} s, H200 {h200:.2f} s. Round robin stops where the slowest
    replicas, of one H200 each, are full, between a load of 0.5 and 0.7: at 0.7 requests pile up,
    and {100 * kept:.0f} % as many as elsewhere are within the limits. Who looks at queues but not at speeds serves as
    much, with H200 at {used("least_outstanding", "H200"):.0f} % and GB200 at
    {used("least_outstanding", "GB200"):.0f} %, and takes {queues:.2f} s. Neighbours, and 2 % of chips 1.5
    times as slow, add less than 5 % to these times where a router looks at queues, and cost no
    tokens; weighted random, which knows generations only, goes from {weighted:.1f} to {first("weighted_random", noise=shared):.0f} s, as slow
    replicas get their full part. A joule makes {joules[0]:.2f} tokens, of GB200 alone {joules[1]:.2f}, of
    H100 {joules[2]:.2f}, of H200 {joules[3]:.2f}."""


def asset_rotation(r):
    mix = {share: f'("H100:150000, H200:50000, GB200:20000", {share}, 8, 8, 16)'
           for share in ("equal", "proportional", "isolated")}
    equal, blackwell = mix["equal"], "(GB200:131072, equal, 4, 32, 4)"

    def mfu(point, noise="none"):
        return f"{r.percent('mfu', point, noise):.1f} %"

    def megawatts(point, use):
        return f"{r.mean(use, point, 'none') / 1e6:.0f} MW"

    def billions(variable, point=equal, period="quarter"):
        return f"{r.mean(variable, point, 'none', money_period=period) / 1e9:.2f}"

    def million(point):
        return f"{r.mean('training_cost', point, 'none'):.2f} $"

    for noise in ("none", "multi"):
        served = [r.mean("serving_output_rate", point, noise) for point in mix.values()]
        assert max(served) == min(served)  # the same chips, whatever they train
        for point in (equal, blackwell):
            assert 89 < r.percent("serving_rated_share", point, noise) < 91
            assert r.mean("serving_overloaded", point, noise) == 0
    year = r.mean("rent_revenue", equal, "none", money_period="year")
    electricity = r.mean("electricity_cost", equal, "none", money_period="year")
    assert electricity < 0.03 * year
    tokens = r.mean("serving_output_rate", blackwell, "none") / \
        r.mean("serving_output_rate", equal, "none")
    return f"""As one job Colossus 1 reaches {mfu(equal)} MFU at {megawatts(equal, "power_mean")}, in proportion
    {mfu(mix["proportional"])}, as three isolated jobs {mfu(mix["isolated"])}; with neighbours
    {mfu(equal, "multi")}, {mfu(mix["proportional"], "multi")} and {mfu(mix["isolated"], "multi")}. The same chips
    serve the 90 % of their rated tokens that are asked for, beside neighbours too, whose congestion does not
    reach them in this model, at
    {megawatts(equal, "serving_power")}. A quarter at rent is {billions("rent_revenue")} B$, whatever they
    compute, and at listed prices these tokens would sell for
    {billions("token_revenue")} B$, if someone bought them all; the chips take {billions("capital_cost")} B$ of it over five years,
    electricity {billions("electricity_cost")} B$. Of a year it is {billions("rent_revenue", period="year")} B$, and 3.6-6.7 from low rents to
    high: published are 3-6, and a contract of 1.25 B$ a month, {15e9 / year:.1f} times as much, which
    includes Colossus 2. GB200 of the same power train at
    {mfu(blackwell)} and {megawatts(blackwell, "power_mean")}, serve {tokens:.1f} times the tokens at
    {megawatts(blackwell, "serving_power")}, and rent for {billions("rent_revenue", blackwell)} B$ a quarter. A
    million trained tokens of 405B cost {million(equal)} on the mix, {million(mix["isolated"])} isolated (of three
    models) and {million(blackwell)} on GB200, chips and electricity alone."""


ANSWERS = {answer.__name__: answer for answer in (
    quickstart, colossus1, mixing_tax, isolation, stragglers, eviction, tenancy, ring_scaling,
    failures_100k, checkpoint, spares, ocs_slices, batch, optical, moe,
    sharding, long_context, power_cap, power_topologies,
    power_smoothing, serving_mixed_fleet, asset_rotation)}


def text_of(study, path):
    """One line of words."""
    return " ".join(ANSWERS[study](Results(path)).split())


if __name__ == "__main__":
    for name, file in zip(sys.argv[1::2], sys.argv[2::2]):
        print(textwrap.fill("It showed: " + text_of(name, file), 98, initial_indent="# ",
                            subsequent_indent="# ", break_on_hyphens=False))
