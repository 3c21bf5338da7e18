"""What the studies of reproducibility have in common: two generations, a job with an input that is
drawn for each trial, and noise of every sort."""

FLEET = """\
[fleet]
chips = H100:120, GB200:56
placement = interleaved
"""

JOB = """\
[job]
model_parameters = 8e9
layers = 32
hidden = 4096
kernel_efficiency = uniform(low=0.4, high=0.6)
"""

NOISE = """\
[noise]
imbalance = 0.1
spike_probability = 1e-4
spike_delay = pareto(minimum=1ms, shape=1.5)
straggler_fraction = 0.02
straggler_slowdown = lognormal(median=1.1, sigma=0.1)
slow_link_fraction = 0.02
slow_link_factor = uniform(low=1.5, high=4)
"""
