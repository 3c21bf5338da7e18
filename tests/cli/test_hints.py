"""A correction that a message offers is accepted where it was said, and means what was meant."""

import itertools
import re

import pytest

FLEET = "chips = H100:64"


def spelt(key, good, bads):
    return [(key, bad, good) for bad in bads]


def value_cases():
    """(key, value as people write it, value as it is meant)."""
    cases = []
    for number, digits in (("8e9", "8000000000"), ("70e9", "70000000000"), ("405e9", "405000000000")):
        grouped = f"{int(digits):,}"
        ways = [grouped.replace(",", s) for s in ",_' "]
        ways += [f"{int(digits) // 10**9}{b}" for b in ("B", "b", " B", "bn", " billion", "B params", "G")]
        cases += spelt("job.model_parameters", number, ways)
    cases += spelt("job.layers", "16384", ["16,384", "16_384", "16k", "16K", "16Ki", "2^14", "16 384"])
    cases += spelt("job.layers", "8", ["8,", "'8'", "+8", "8 layers", "2^3", "2**3", "４*2", "８"])
    cases += spelt("job.overlap", "0.5", ["50%", "50 %", "50 percent", "1/2", "0,5", "+0.5", "~0.5"])
    cases += spelt("noise.spike_probability", "1e-3", ["1/1000", "0.1%", "0,001", "10^-3", "1000ppm"])
    cases += spelt("noise.straggler_slowdown", "1.1", ["10%", "10 %", "1.1x", "1,1"])
    cases += spelt("noise.imbalance", "0", ["off", "none", "0%", "no"])
    for unit, ways in {"us": ["usec", " us,", "µs", "μs", " microseconds", "Us"],
                       "min": [" minutes", "mins", "m", "Min"], "d": ["day", " days", "D"],
                       "h": [" hours", "hr", "H"], "s": ["sec", " seconds", "S"],
                       "ms": ["msec", " milliseconds"]}.items():
        cases += spelt("fabric.link_latency", f"5{unit}", [f"5{way}" for way in ways])
        cases += spelt("noise.spike_delay", f"exponential(mean=5{unit})",
                       [f"exponential(mean=5{way})" for way in ways if "," not in way])
    cases += spelt("fabric.link_latency", "0s", ["0", "off", "none"])
    cases += spelt("reliability.horizon", "14d", ["2 weeks", "2weeks"])
    cases += spelt("reliability.horizon", "none", ["never", "off", "no"])
    cases += spelt("reliability.checkpoint_interval", "50step", ["50steps", "50 steps"])
    cases += spelt("reliability.node_failure_rate", "0.02/d",
                   ["0.02/day", "0.02 per day", "2%/d", "0.02 1/d", "1/50d", "50d", "50 days", "1/50/d"])
    cases += spelt("reliability.spares", "0", ["none", "no"])
    cases += spelt("reliability.spares", "8000", ["8,000", "8_000", "8k"])
    cases += spelt("reliability.policy", "wait", ["Wait", "wiat"])
    cases += spelt("fabric.link_bandwidth", "50GB/s",
                   ["50GBps", "50 GB/sec", "50GB", "400Gb/s", "400Gbps", "400gbps", "400 Gbits/s", "400Gbit",
                    "400G", "50gb/s", "50GBPS", "50 gigabytes/s"])
    cases += spelt("job.gradient_bytes", "80GB", ["80gb", "80G", "80 gigabytes", "80GBytes", "80Gb"])
    cases += spelt("job.gradient_clipping", "off", ["false", "no", "Off", "disabled"])
    cases += spelt("job.gradient_precision", "bf16", ["BF16", "bfloat16"])
    cases += spelt("chip.H100.peak", "1979TFLOP/s",
                   ["1979", "1979 tflops", "1,979", "1979T", "1979TF", "1.979 PFLOP", "1979teraflops"])
    cases += spelt("noise.spike_delay", "normal(mean=2ms, sd=1ms)",
                   ["gaussian(mean=2ms, sd=1ms)", "Normal(mean=2ms, sd=1ms)", "normal(mean=2ms, std=1ms)",
                    "normal(mean=2ms, sigma=1ms)", "norml(maen=2 msec, stddev=1msec)"])
    cases += spelt("noise.spike_delay", "uniform(low=1ms, high=2ms)",
                   ["uniform(min=1ms, max=2ms)", "uniform(lower=1msec, upper=2ms)"])
    cases += spelt("topology.kind", "ring", ["Ring", "rnig", "'ring'"])
    cases += spelt("fleet.chips", "H100:16384",
                   ["H100:16,384", "H100:16_384", "H100:16k", "H100 SXM:16384", "h100:16384", "H100=16384",
                    "16384 H100", "16384x H100", "16,384 x H100", "H100:16384,", "NVIDIA H100 80GB:16384",
                    "H100:16384 GPUs", "H100-SXM5:16384", "H1OO:16384", "Ｈ100：16384"])
    cases += spelt("fleet.chips", "H100:64, H200:1024",
                   ["H100:64; H200:1024", "H100:64 + H200:1024", "64 H100, 1,024 H200", "H100:64 H200:1024",
                    "H100:64 and H200:1,024", "h100:64, h200:1024", "H100:64, H200:1024,"])
    cases += spelt("fleet.chips", "GB200:720", ["GB200-NVL72:720", "GB200 NVL72:720", "gb200:720"])
    return cases


KEY_CASES = [
    ("job", "tensor_parallel = 8", "job", "tensor = 8"),
    ("job", "tensor-parallel-size = 8", "job", "tensor = 8"),
    ("job", "tensorParallel = 8", "job", "tensor = 8"),
    ("parallelism", "tp = 8", "job", "tensor = 8"),
    ("job", "pp = 1", "job", "pipeline = 1"),
    ("model", "params = 8e9", "job", "model_parameters = 8e9"),
    ("model", "params = 8B", "job", "model_parameters = 8e9"),
    ("job", "seq_len = 4096", "job", "sequence_length = 4096"),
    ("noise", "tensor = 8", "job", "tensor = 8"),
    ("Job", "Tensor = 8", "job", "tensor = 8"),
    ("job", "tensors = 8", "job", "tensor = 8"),
    ("job", "tensor: 8", "job", "tensor = 8"),
    ("job", "tensor := 8", "job", "tensor = 8"),
    ("job", "tensor 8", "job", "tensor = 8"),
    ("job", "tensor\t8", "job", "tensor = 8"),
    ("job", "tensor ＝ 8", "job", "tensor = 8"),
    ("job", "ｔensor = 8", "job", "tensor = 8"),
    ("job", "tensor\u00a0= 8", "job", "tensor = 8"),
    ("job", "tensor = 8\u00a0", "job", "tensor = 8"),
    ("simulation", "random_seed = 5", "sampling", "seed = 5"),
    ("reliability", "mtbf = 50d", "reliability", "node_failure_rate = 0.02/d"),
    ("failures", "mtbf = 50 days", "reliability", "node_failure_rate = 0.02/d"),
    ("reliability", "spare_nodes = 8", "reliability", "spares = 8"),
    ("network", "type = ring", "topology", "kind = ring"),
    ("H100", "peak = 989TFLOPs", "chip.H100", "peak = 989TFLOP/s"),
    ("chip.H100", "tflops = 989", "chip.H100", "peak = 989TFLOP/s"),
    ("chip.H100", "memory = 80GB", "chip.H100", "hbm = 80GB"),
    ("chip.H100", "gpus_per_node = 4", "chip.H100", "node = 4"),
    ("fleet", "H100 = 24576", "fleet", "chips = H100:24576"),
    ("fleet", "H100 = 24,576", "fleet", "chips = H100:24576"),
    ("fleet", "GB200 = 720", "fleet", "chips = GB200:720"),
    ("fleet", "h100: 64", "fleet", "chips = H100:64"),
    ("job", "; tensor = 8", "job", "# tensor = 8"),
    ("job", "// none", "job", "# none"),
    ("topology", "kind = ring, tree", "sweep", "topology.kind = ring, tree"),
    ("topology", "kind = ring tree", "sweep", "topology.kind = ring, tree"),
    ("topology", "kind = [ring, tree]", "sweep", "topology.kind = ring, tree"),
    ("topology", "kind = ring; tre", "sweep", "topology.kind = ring, tree"),
    ("topology", "kind = ring, tre", "sweep", "topology.kind = ring, tree"),
    ("job", "tensor = 1, 2, 8", "sweep", "job.tensor = 1, 2, 8"),
    ("job", "overlap = 0.5, 0.9", "sweep", "job.overlap = 0.5, 0.9"),
    ("fabric", "link_latency = 1us, 2us", "sweep", "fabric.link_latency = 1us, 2us"),
    ("sweep", "kind = ring, tree", "sweep", "topology.kind = ring, tree"),
    ("sweep", "topology.kind = ring tree", "sweep", "topology.kind = ring, tree"),
    ("sweep", "tp = [1, 2]", "sweep", "job.tensor = 1, 2"),
    ("sweep", "job.model_parameters = 8,000,000,000", "sweep", "job.model_parameters = 8e9"),
    ("sweep", "reliability.spares = 8,000", "sweep", "reliability.spares = 8000"),
    ("sweep", "fleet.chips = H100:1,024", "sweep", "fleet.chips = H100:1024"),
    ("topology", "kind = torus\nshape = 4*4*4", "topology", "kind = torus\nshape = 4x4x4"),
    ("topology", "kind = torus\nshape = 4 x 4 x 4", "topology", "kind = torus\nshape = 4x4x4"),
    ("topology", "kind = torus\nshape = (4, 4, 4)", "topology", "kind = torus\nshape = 4x4x4"),
    ("topology", "kind = torus\nshape = 4×4×4", "topology", "kind = torus\nshape = 4x4x4"),
]
# Where a reader is told what is wrong, but no one value is what is meant.
ABSENT = [
    ("job", "overlap = 1.5M"), ("job", "layers = eight"), ("job", "tensor = 0x10"),
    ("reliability", "horizon = 1 month"), ("job", "layers = 1.5m"), ("fabric", "link_latency = 5"),
    ("noise", "spike_delay = exponential(mean=5)"), ("job", "compute_time = 5M"),
    ("job", "batch_size = 1024"), ("job", "data_parallel = 8"), ("fleet", "nodes = 8"),
    ("fleet", "chips = B100:8192"), ("fleet", "chips = GH200:64"), ("fleet", "chips = H800:64"),
    ("fleet", "chips = A10:64"), ("fleet", "chips = TPUv3:64"), ("fleet", "chips = My Chip:64"),
    ("fleet", "chips = 1024"), ("fleet", "chips = H100"), ("sampling", "trials = 10, 20"),
    ("chip", "peak = 989TFLOPs"), ("reliability", "node_failure_rate = 6.5e-3"),
    ("topology", "kind = fat-tree"), ("noise", "straggler_slowdown = -10%"),
]


def study(section, line):
    """The text of a study with one more line, in place of the fleet's where it is one."""
    fleet = "" if "chips" in line or section in ("fleet",) else f"[fleet]\n{FLEET}\n"
    return f"{fleet}[{section}]\n{line}\n"


def corrected(section, line, message):
    """The places and lines that the message's hints make of one."""
    asked = re.search(r"did you mean (.*?)\?(?: |$)", message)
    written = re.search(r" write ((?:\S+ = .+?)(?: or \S+ = .+?)*?)( under \[sweep\])?$", message)
    if asked:
        hints = asked.group(1).split(" or ")
        if "unknown key" in message:
            old = line.split("=")[0].strip()
            value = line.split("=", 1)[1]
            if section == "sweep":
                return [(section, line.replace(old, hints[0], 1))]
            return [(hint.rsplit(".", 1)[0], f"{hint.rsplit('.', 1)[1]} ={value}") for hint in hints]
        value = line.rsplit("=", 1)[-1].strip()
        bad = value if f"'{value}'" in message else re.search("'(.*?)'", message).group(1)
        assert bad in line, (bad, line, message)
        return [(section, hint.join(line.rsplit(bad, 1))) for hint in hints]
    if written:
        places = []
        for assignment in re.split(r" or (?=\S+ = )", written.group(1)):
            key, value = assignment.split(" = ", 1)
            if written.group(2):
                places.append(("sweep", f"{key} = {value}"))
            elif section == "sweep":
                places.append((section, f"{key} = {value}"))
            else:
                lines = line.split("\n")
                lines[-1] = f"{key.rsplit('.', 1)[1]} = {value}"
                places.append((key.rsplit(".", 1)[0], "\n".join(lines)))
        return places
    return []


def study_id(lockstep, text):
    lockstep.write("s.ini", text)
    ended = lockstep("describe", "s.ini", "--no-estimate")
    if ended.returncode == 0:
        return re.search(r"study_id (\w+)", ended.stdout).group(1), ""
    assert ended.returncode == 2 and ended.stdout == "", text
    return None, ended.stderr.splitlines()[0].removeprefix("lockstep: ")


def ends(lockstep, section, line, told=()):
    """study_id of every study that following the hints ends at; none where there is no hint."""
    found, message = study_id(lockstep, study(section, line))
    if found:
        return {found}
    assert len(told) < 5, told
    places = corrected(section, line, message)
    assert len(places) <= 2
    after = [ends(lockstep, *place, (*told, message)) for place in places]
    assert all(after), (told, message, places)  # a hint leads on
    return set(itertools.chain(*after))


def check(lockstep, section, bad, good_section, good):
    meant, message = study_id(lockstep, study(good_section, good))
    assert meant, message
    assert study_id(lockstep, study(section, bad))[0] is None, bad
    assert meant in ends(lockstep, section, bad), (section, bad)


VALUES = value_cases()


@pytest.mark.parametrize("key", sorted({key for key, _, _ in VALUES}))
def test_values_as_people_write_them(lockstep, key):
    section, name = key.rsplit(".", 1)
    for case, bad, good in VALUES:
        if case == key:
            check(lockstep, section, f"{name} = {bad}", section, f"{name} = {good}")


def test_there_are_cases():
    assert len(VALUES) > 180


@pytest.mark.parametrize("section, bad, good_section, good", KEY_CASES, ids=lambda text: text)
def test_lines_as_people_write_them(lockstep, section, bad, good_section, good):
    check(lockstep, section, bad, good_section, good)


@pytest.mark.parametrize("section, line", ABSENT, ids=lambda text: text)
def test_no_hint_where_nothing_is_clear(lockstep, section, line):
    found, message = study_id(lockstep, study(section, line))
    assert found is None
    assert not re.search(r"did you mean|write [\w.]+ = ", message.replace(
        "write for example fleet.chips = ", "")), message


def test_a_wrong_hint_would_be_noticed(lockstep):
    """The harness itself: what leads nowhere, or elsewhere, fails."""
    with pytest.raises(AssertionError):
        check(lockstep, "job", "overlap = 50%", "job", "overlap = 0.4")
    with pytest.raises(AssertionError):
        check(lockstep, "job", "layers = eight", "job", "layers = 8")
