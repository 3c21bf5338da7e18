#include "engine/reliability/reliability.hpp"

#include <vector>

#include "engine/base/error.hpp"

namespace lockstep {
std::span<const Parameter> reliability_parameters() {
  static const std::vector<Parameter> rows{
      {.key = "reliability.horizon",
       .number = 160,
       .dimension = Dimension::time,
       .default_text = "none",
       .minimum_is_legal = false,
       .words = {"none"},
       .shapes_arrays = true,
       .summary = "wall time over which each trial follows node failures, restarts and "
                  "checkpoints; none: steps alone",
       .source = "off"},
      {.key = "reliability.node_failure_rate",
       .number = 161,
       .dimension = Dimension::rate,
       .default_text = "6.5e-3/d",
       .needs = {"reliability.horizon"},
       .summary = "failures of one node in the job that stop it; idle spares do not fail",
       .source = "6.5 per 1,000 node-days: Meta RSC-1; RSC-2 2.34 (arXiv 2410.21680), Llama 3 405B "
                 "3.8 (arXiv 2407.21783, Table 5, derived)"},
      {.key = "reliability.failure_law",
       .number = 162,
       .type = ValueType::choice,
       .default_text = "exponential",
       .words = {"exponential", "weibull"},
       .shapes_arrays = true,
       .needs = {"reliability.horizon"},
       .summary = "law of a node's lifetime, of mean 1 / node_failure_rate; new after a repair, in "
                  "its stationary law at the start",
       .source = "exponential: failures of many nodes and causes; weibull: fitted to failures of "
                 "HPC systems (Schroeder and Gibson, DSN 2006)"},
      {.key = "reliability.failure_shape",
       .number = 163,
       .default_text = "0.7",
       .minimum = 0.1,
       .maximum = 20,
       .needs = {"reliability.failure_law"},
       .summary = "shape of failure_law weibull: below 1 failures cluster after a repair, above 1 "
                  "nodes wear out",
       .source = "assumption, range 0.5-1: a decreasing hazard was found in HPC systems (Schroeder "
                 "and Gibson, DSN 2006)"},
      {.key = "reliability.detection_time",
       .number = 164,
       .dimension = Dimension::time,
       .default_text = "1min",
       .needs = {"reliability.horizon"},
       .summary = "from a failure to the start of recovery",
       .source = "about 60 s: ByteRobust; below 10 min with diagnosis: MegaScale (NSDI'24)"},
      {.key = "reliability.restart_time",
       .number = 165,
       .dimension = Dimension::time,
       .default_text = "10min",
       .needs = {"reliability.horizon"},
       .summary = "from detection, or from when all nodes are there, to the first step",
       .source = "5-20 min (arXiv 2410.21680); within 15 min: MegaScale (NSDI'24)"},
      {.key = "reliability.communicator_startup",
       .number = 166,
       .dimension = Dimension::time,
       .default_text = "0s",
       .needs = {"reliability.horizon"},
       .summary = "added to restart_time for each chip in the job",
       .source = "0: restart_time was measured with it"},
      {.key = "reliability.checkpoint_interval",
       .number = 167,
       .dimension = Dimension::time,
       .default_text = "optimal",
       .minimum_is_legal = false,
       .words = {"optimal"},
       .or_steps = true,
       .needs = {"reliability.horizon"},
       .summary = "computing from one checkpoint to the next, to the nearest step; optimal: for "
                  "the job's own rate of failures and its checkpoint_write_time",
       .source = "optimal: Daly, Future Generation Computer Systems 22 (2006) 303"},
      {.key = "reliability.checkpoint_write_time",
       .number = 168,
       .dimension = Dimension::time,
       .default_text = "5s",
       .needs = {"reliability.horizon"},
       .summary = "for which a checkpoint stalls all chips",
       .source = "several seconds: MegaScale (NSDI'24); range 0 s (written behind) - 5 min"},
      {.key = "reliability.spares",
       .number = 169,
       .type = ValueType::count,
       .default_text = "unlimited",
       .maximum = 16777216,
       .words = {"unlimited"},
       .shapes_arrays = true,
       .needs = {"reliability.horizon"},
       .summary = "nodes beside the fleet that replace failed ones; with none left the job waits "
                  "for a repair",
       .source =
           "assumption: a scheduler takes nodes from smaller jobs; spares_used tells how many "
           "that is"},
      {.key = "reliability.repair_time",
       .number = 170,
       .type = ValueType::law,
       .dimension = Dimension::time,
       .default_text = "lognormal(mean=1d, sigma=1)",
       .each = "repair",
       .needs = {"reliability.horizon"},
       .summary = "from a node's failure to its return as a spare",
       .source = "assumption, range of means 1 h - 7 d: lognormal, mean below an hour to above a "
                 "day in HPC systems (Schroeder and Gibson, DSN 2006)"},
      {.key = "reliability.ocs_reconfiguration_time",
       .number = 171,
       .dimension = Dimension::time,
       .default_text = "10s",
       .needs = {"reliability.horizon"},
       .summary = "added to restart_time where optical circuit switches join the cubes",
       .source = "a cube set to any torus with all software takes about 10 s (range 10 ms, the "
                 "mirrors alone, to 10 s)"},
      {.key = "reliability.policy",
       .number = 172,
       .type = ValueType::choice,
       .default_text = "wait",
       .words = {"wait", "shrink"},
       .shapes_arrays = true,
       .needs = {"reliability.spares"},
       .summary =
           "with no spare at hand: wait for a repair, or restart at once with fewer replicas, "
           "which share the batch, and grow again at a later restart",
       .source = "wait: a fixed number of ranks is what most frameworks take"},
      {.key = "reliability.straggler_detection_time",
       .number = 173,
       .dimension = Dimension::time,
       .default_text = "never",
       .words = {"never"},
       .shapes_arrays = true,
       .needs = {"noise.straggler_fraction", "noise.slow_link_fraction"},
       .summary =
           "after which a persistent straggler (chip or link) is taken out of the job, which "
           "saves its state and restarts without it",
       .source = "never: most clusters look for them by hand; ByteRobust localises within 15 min"},
      {.key = "reliability.spare_generation",
       .number = 174,
       .type = ValueType::text,
       .default_text = "same",
       .shapes_arrays = true,
       .needs = {"reliability.spares"},
       .summary = "generation of the spares (H100); same: each place's own. A slower spare slows "
                  "the job down until the node it stands for is back from repair",
       .source = "same: what replaces a node is bought with it"},
  };
  return rows;
}

Reliability reliability_from(const Values& values) {
  Reliability reliability;
  reliability.horizon = values.optional_real("reliability.horizon").value_or(0);
  reliability.node_failure_rate = values.real("reliability.node_failure_rate");
  if (values.text("reliability.failure_law") == "weibull")
    reliability.failure_shape = values.real("reliability.failure_shape");
  reliability.rates = failure_rates_from(values);
  reliability.detection_time = values.real("reliability.detection_time");
  reliability.restart_time = values.real("reliability.restart_time");
  reliability.communicator_startup = values.real("reliability.communicator_startup");
  reliability.checkpoint = {values.optional_real("reliability.checkpoint_interval"),
                            values.optional_steps("reliability.checkpoint_interval")};
  reliability.checkpoint_write_time = values.real("reliability.checkpoint_write_time");
  reliability.spares = values.optional_count("reliability.spares");
  reliability.repair_time = values.law("reliability.repair_time");
  reliability.ocs_reconfiguration_time = values.real("reliability.ocs_reconfiguration_time");
  reliability.shrinks = values.text("reliability.policy") == "shrink";
  reliability.straggler_detection_time =
      values.optional_real("reliability.straggler_detection_time");
  if (const std::string& name = values.text("reliability.spare_generation"); name != "same") try {
      reliability.spare_chip = find_chip(name, values);
    } catch (const InputError& error) {
      throw InputError("reliability.spare_generation: " + std::string(error.what()));
    }
  return reliability;
}

}  // namespace lockstep
