#include "engine/reliability/failures/failure_rates.hpp"

#include <vector>

#include "engine/base/field.hpp"

namespace lockstep {
namespace {

const std::vector<Field<FailureRates>>& failure_fields() {
  static const std::vector<Field<FailureRates>> fields{
      {&FailureRates::domain_share,
       {.key = "reliability.domain_failure_share",
        .number = 175,
        .default_text = "0",
        .maximum = 1,
        .needs = {"reliability.horizon"},
        .summary =
            "share of a node's failures that take its whole scale-up domain (a rack of 72) "
            "out of the job; a node leaves as often as without, the job is stopped less often. For "
            "racks that fail at R beside nodes that fail at r alone set node_failure_rate = r + R "
            "and this to R / (r + R)",
        .source = "off; assumption, range 0-0.2: no split of failures by rack is public"}},
      {&FailureRates::lemon_fraction,
       {.key = "reliability.lemon_fraction",
        .number = 176,
        .default_text = "0",
        .maximum = 1,
        .needs = {"reliability.horizon"},
        .summary = "probability that a node is a lemon: drawn at the start, and anew for the node "
                   "that takes a failed one's place",
        .source = "off; assumption, range 0-0.03: lemon nodes are described in arXiv 2410.21680"}},
      {&FailureRates::lemon_factor,
       {.key = "reliability.lemon_factor",
        .number = 177,
        .default_text = "10",
        .minimum = 1,
        .maximum = 1e6,
        .needs = {"reliability.lemon_fraction"},
        .summary = "how many times as often a lemon fails as node_failure_rate says",
        .source = "assumption, range 3-30"}},
      {&FailureRates::leaf_switch,
       {.key = "reliability.switch_failure_rate",
        .number = 178,
        .dimension = Dimension::rate,
        .default_text = "0/d",
        .needs = {"reliability.horizon"},
        .summary = "failures of one leaf switch; all nodes below it leave the job",
        .source = "0: published rates of nodes hold those of the network (8 % of Llama 3 405B's, "
                  "arXiv 2407.21783, Table 5)"}},
      {&FailureRates::cable,
       {.key = "reliability.cable_failure_rate",
        .number = 179,
        .dimension = Dimension::rate,
        .default_text = "0/d",
        .needs = {"reliability.horizon"},
        .summary =
            "failures of one cable (switched fabrics: one a chip, to its leaf; tori: three); "
            "its node leaves the job",
        .source = "0: published rates of nodes hold it; NIC to leaf 0.057 % a month (Alibaba HPN, "
                  "SIGCOMM'24), ICI cable 0.005 % a day (TPU v4, NSDI'24)"}},
      {&FailureRates::optical_switch,
       {.key = "reliability.ocs_failure_rate",
        .number = 180,
        .dimension = Dimension::rate,
        .default_text = "0/d",
        .needs = {"reliability.horizon"},
        .summary = "failures of one optical circuit switch (48 for 64 cubes, as TPU v4 has); the "
                   "job restarts around it with all nodes",
        .source =
            "0, as for the other parts; 0.04 % a day where a machine fails in 0.08 % (TPU v4, "
            "NSDI'24)"}},
      {&FailureRates::maintenance,
       {.key = "reliability.maintenance",
        .number = 181,
        .dimension = Dimension::rate,
        .default_text = "0/d",
        .needs = {"reliability.horizon"},
        .summary =
            "planned takedowns of one node; the job saves its state, then restarts without it",
        .source = "off; 32 of the 466 interruptions of Llama 3 405B were maintenance of hosts "
                  "(arXiv 2407.21783): 2.9e-4/d"}},
      {&FailureRates::link_flap,
       {.key = "reliability.link_flap_rate",
        .number = 182,
        .dimension = Dimension::rate,
        .default_text = "0/d",
        .needs = {"reliability.horizon"},
        .summary = "flaps of one cable, which messages wait for and nothing fails by",
        .source =
            "off; 5,000-60,000 a day in a data centre (Alibaba HPN, SIGCOMM'24), a leaf-spine "
            "one every 2-3 min in a job of 75,000 chips (MRC)"}},
      {&FailureRates::flap_duration,
       {.key = "reliability.link_flap_duration",
        .number = 183,
        .type = ValueType::law,
        .dimension = Dimension::time,
        .default_text = "exponential(mean=5s)",
        .each = "flap",
        .needs = {"reliability.link_flap_rate"},
        .summary = "for which a flapping link is down",
        .source = "assumption, range of means 1-30 s"}},
  };
  return fields;
}

}  // namespace

std::span<const Parameter> failure_parameters() {
  static const std::vector<Parameter> rows = rows_of(failure_fields());
  return rows;
}

FailureRates failure_rates_from(const Values& values) {
  return read_fields(failure_fields(), values);
}

}  // namespace lockstep
