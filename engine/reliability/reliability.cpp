#include "engine/reliability/reliability.hpp"

#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/field.hpp"

namespace lockstep {
namespace {

void read_spare_chip(Reliability& reliability, const Values& values) {
  const std::string& name = values.text("reliability.spare_generation");
  if (name == "same") return;
  try {
    reliability.spare_chip = find_chip(name, values);
  } catch (const InputError& error) {
    throw InputError("reliability.spare_generation: " + std::string(error.what()));
  }
}

const std::vector<Field<Reliability>>& reliability_fields() {
  static const std::vector<Field<Reliability>> fields{
      {&Reliability::horizon,
       {.key = "reliability.horizon",
        .number = 160,
        .dimension = Dimension::time,
        .default_text = "none",
        .minimum_is_legal = false,
        .words = {"none"},
        .shapes_arrays = true,
        .summary = "wall time over which each trial follows node failures, restarts and "
                   "checkpoints; none: steps alone",
        .source = "off"}},
      {&Reliability::node_failure_rate,
       {.key = "reliability.node_failure_rate",
        .number = 161,
        .dimension = Dimension::rate,
        .default_text = "6.5e-3/d",
        .needs = {"reliability.horizon"},
        .summary = "failures of one node in the job that stop it; idle spares do not fail",
        .source =
            "6.5 per 1,000 node-days: Meta RSC-1; RSC-2 2.34 (arXiv 2410.21680), Llama 3 405B "
            "3.8 (arXiv 2407.21783, Table 5, derived)"}},
      // The exponential law, unless the next row makes it another.
      {[](Reliability& reliability, const Values&) { reliability.failure_shape = 1; },
       {.key = "reliability.failure_law",
        .number = 162,
        .type = ValueType::choice,
        .default_text = "exponential",
        .words = {"exponential", "weibull"},
        .shapes_arrays = true,
        .needs = {"reliability.horizon"},
        .summary =
            "law of a node's lifetime, of mean 1 / node_failure_rate; new after a repair, in "
            "its stationary law at the start",
        .source = "exponential: failures of many nodes and causes; weibull: fitted to failures of "
                  "HPC systems (Schroeder and Gibson, DSN 2006)"}},
      {[](Reliability& reliability, const Values& values) {
         if (values.text("reliability.failure_law") == "weibull")
           reliability.failure_shape = values.real("reliability.failure_shape");
       },
       {.key = "reliability.failure_shape",
        .number = 163,
        .default_text = "0.7",
        .minimum = 0.1,
        .maximum = 20,
        .needs = {"reliability.failure_law"},
        .summary = "shape of failure_law weibull: below 1 failures cluster after a repair, above 1 "
                   "nodes wear out",
        .source =
            "assumption, range 0.5-1: a decreasing hazard was found in HPC systems (Schroeder "
            "and Gibson, DSN 2006)"}},
      {&Reliability::detection_time,
       {.key = "reliability.detection_time",
        .number = 164,
        .dimension = Dimension::time,
        .default_text = "1min",
        .needs = {"reliability.horizon"},
        .summary = "from a failure to the start of recovery",
        .source = "about 60 s: ByteRobust; below 10 min with diagnosis: MegaScale (NSDI'24)"}},
      {&Reliability::restart_time,
       {.key = "reliability.restart_time",
        .number = 165,
        .dimension = Dimension::time,
        .default_text = "10min",
        .needs = {"reliability.horizon"},
        .summary = "from detection, or from when all nodes are there, to the first step",
        .source = "5-20 min (arXiv 2410.21680); within 15 min: MegaScale (NSDI'24)"}},
      {&Reliability::communicator_startup,
       {.key = "reliability.communicator_startup",
        .number = 166,
        .dimension = Dimension::time,
        .default_text = "0s",
        .needs = {"reliability.horizon"},
        .summary = "added to restart_time for each chip in the job",
        .source = "0: restart_time was measured with it"}},
      {[](Reliability& reliability, const Values& values) {
         reliability.checkpoint = {values.optional_real("reliability.checkpoint_interval"),
                                   values.optional_steps("reliability.checkpoint_interval")};
       },
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
        .source = "optimal: Daly, Future Generation Computer Systems 22 (2006) 303"}},
      {&Reliability::checkpoint_write_time,
       {.key = "reliability.checkpoint_write_time",
        .number = 168,
        .dimension = Dimension::time,
        .default_text = "5s",
        .needs = {"reliability.horizon"},
        .summary = "for which a checkpoint stalls all chips",
        .source = "several seconds: MegaScale (NSDI'24); range 0 s (written behind) - 5 min"}},
      {&Reliability::spares,
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
            "that is"}},
      {&Reliability::repair_time,
       {.key = "reliability.repair_time",
        .number = 170,
        .type = ValueType::law,
        .dimension = Dimension::time,
        .default_text = "lognormal(mean=1d, sigma=1)",
        .each = "repair",
        .needs = {"reliability.horizon"},
        .summary = "from a node's failure to its return as a spare",
        .source = "assumption, range of means 1 h - 7 d: lognormal, mean below an hour to above a "
                  "day in HPC systems (Schroeder and Gibson, DSN 2006)"}},
      {&Reliability::ocs_reconfiguration_time,
       {.key = "reliability.ocs_reconfiguration_time",
        .number = 171,
        .dimension = Dimension::time,
        .default_text = "10s",
        .needs = {"reliability.horizon"},
        .summary = "added to restart_time where optical circuit switches join the cubes",
        .source = "a cube set to any torus with all software takes about 10 s (range 10 ms, the "
                  "mirrors alone, to 10 s)"}},
      {{&Reliability::shrinks, {false, true}},
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
        .source = "wait: a fixed number of ranks is what most frameworks take"}},
      {&Reliability::straggler_detection_time,
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
        .source =
            "never: most clusters look for them by hand; ByteRobust localises within 15 min"}},
      {read_spare_chip,
       {.key = "reliability.spare_generation",
        .number = 174,
        .type = ValueType::text,
        .default_text = "same",
        .shapes_arrays = true,
        .needs = {"reliability.spares"},
        .summary = "generation of the spares (H100); same: each place's own. A slower spare slows "
                   "the job down until the node it stands for is back from repair",
        .source = "same: what replaces a node is bought with it"}},
  };
  return fields;
}

}  // namespace

std::span<const Parameter> reliability_parameters() {
  static const std::vector<Parameter> rows = rows_of(reliability_fields());
  return rows;
}

Reliability reliability_from(const Values& values) {
  Reliability reliability = read_fields(reliability_fields(), values);
  reliability.rates = failure_rates_from(values);
  return reliability;
}

}  // namespace lockstep
