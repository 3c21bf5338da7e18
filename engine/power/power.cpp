#include "engine/power/power.hpp"

#include <vector>

#include "engine/base/field.hpp"
#include "engine/power/grid/grid_limits.hpp"

namespace lockstep {
namespace {

/// all, the utilities' in the order of their table, own.
std::vector<std::string_view> limit_words() {
  std::vector<std::string_view> words{"all"};
  for (const GridLimit& limit : grid_limits()) words.push_back(limit.name);
  words.push_back(own_limit_name);
  return words;
}

const std::vector<Field<Power>>& fields() {
  static const std::vector<Field<Power>> all{
      {{&Power::meters, {false, true}},
       {.key = "power.meter",
        .number = 300,
        .type = ValueType::choice,
        .default_text = "off",
        .words = {"off", "on"},
        .shapes_arrays = true,
        .summary = "follows the power of the fleet over the recorded steps, from when each chip "
                   "computes, communicates and waits",
        .source = "off"}},
      {&Power::compute,
       {.key = "power.compute",
        .number = 301,
        .default_text = "0.9",
        .maximum = 2,
        .needs = {"power.meter"},
        .summary = "power of a chip that computes, of its TDP",
        .source = "0.76-1.0: 7.9 of 10.2 kW a node (arXiv 2506.14551), 988 of 1,000 W in BF16 "
                  "products (log of a B200 node)"}},
      {&Power::communication,
       {.key = "power.communication",
        .number = 302,
        .default_text = "0.5",
        .maximum = 2,
        .needs = {"power.meter"},
        .summary = "power of a chip that communicates, of its TDP",
        .source = "0.2-0.75 at the end of training iterations (POLCA, ASPLOS'24)"}},
      {&Power::waiting,
       {.key = "power.waiting",
        .number = 303,
        .default_text = "communication",
        .maximum = 2,
        .words = {"communication"},
        .needs = {"power.meter"},
        .summary = "power of a chip that waits for others, of its TDP; communication: as much as "
                   "power.communication",
        .source = "communication: a collective that waits spins"}},
      {&Power::overshoot,
       {.key = "power.overshoot",
        .number = 304,
        .default_text = "1.1",
        .maximum = 4,
        .needs = {"power.meter"},
        .summary = "power of a chip for power.overshoot_time after its compute begins, of its TDP",
        .source = "1.1: electrical design peak of 50 ms (Choukse et al., 2025)"}},
      {&Power::overshoot_time,
       {.key = "power.overshoot_time",
        .number = 305,
        .dimension = Dimension::time,
        .default_text = "50ms",
        .needs = {"power.meter"},
        .summary = "how long the peak lasts, at most as long as the chip's compute",
        .source = "50 ms (Choukse et al., 2025); that every step has it is an assumption"}},
      {&Power::conversion_efficiency,
       {.key = "power.conversion_efficiency",
        .number = 306,
        .default_text = "0.94",
        .maximum = 1,
        .minimum_is_legal = false,
        .needs = {"power.meter"},
        .summary = "power of chips and hosts over what their supplies take",
        .source = "0.937 of a whole chain, 0.98 of a rectifier, 0.985 of a transformer"}},
      {&Power::host_following,
       {.key = "power.host_following",
        .number = 307,
        .default_text = "0.2",
        .maximum = 1,
        .needs = {"power.meter"},
        .summary = "share of chip.NAME.host_power that goes with the chip's power, from none at "
                   "idle to all at TDP",
        .source = "0.2, range 0.1-0.3: nodes of 8 B200 and H200 idle and loaded (MLPerf power "
                  "logs)"}},
      {&Power::network_share,
       {.key = "power.network_share",
        .number = 308,
        .default_text = "0.1",
        .maximum = 0.9,
        .needs = {"power.meter"},
        .summary = "share of the network in the mean power of chips, hosts and network; constant",
        .source = "0.11 of the racks, 0.08-0.09 of a site (arXiv 2605.24461)"}},
      {&Power::pue,
       {.key = "power.pue",
        .number = 309,
        .default_text = "1.2",
        .minimum = 1,
        .maximum = 10,
        .needs = {"power.meter"},
        .summary = "mean power at the site's meter over that of chips, hosts and network; cooling "
                   "does not follow load within minutes",
        .source = "1.06-1.28 of large operators, median 1.16; 1.5 over all"}},
      {&Power::resolution,
       {.key = "power.resolution",
        .number = 310,
        .dimension = Dimension::time,
        .default_text = "1ms",
        .minimum_is_legal = false,
        .shapes_arrays = true,
        .needs = {"power.meter"},
        .summary = "of the trace: its values are means over so much time",
        .source = "1 ms: finer than the chips' own telemetry (Firefly)"}},
      {&Power::limit,
       {.key = "power.limit",
        .number = 311,
        .type = ValueType::choice,
        .default_text = "all",
        .words = limit_words(),
        .shapes_arrays = true,
        .needs = {"power.meter"},
        .summary = "utility's limit that power_compliance judges, where recorded steps too few for "
                   "it are refused; all: each that they are enough for; own: power.swing_limit and "
                   "power.ramp_limit",
        .source = "a maintained list of utilities' limits, as of September 2026"}},
      {&Power::swing_limit,
       {.key = "power.swing_limit",
        .number = 312,
        .dimension = Dimension::power,
        .default_text = "none",
        .words = {"none"},
        .shapes_arrays = true,
        .needs = {"power.meter"},
        .summary = "of the own limit: largest difference within any 5 s",
        .source = "off"}},
      {&Power::ramp_limit,
       {.key = "power.ramp_limit",
        .number = 313,
        .dimension = Dimension::power,
        .default_text = "none",
        .words = {"none"},
        .shapes_arrays = true,
        .needs = {"power.meter"},
        .summary = "of the own limit: largest difference within any minute",
        .source = "off"}},
      {&Power::floor,
       {.key = "power.floor",
        .number = 320,
        .default_text = "0",
        .maximum = 1,
        .needs = {"power.meter"},
        .summary = "power below which the chip itself holds no phase of a job's steps, of its TDP; "
                   "waits are taken as shorter than its stop delay",
        .source = "off; GB200 0.2-0.9 (nvidia-smi; Choukse et al., 2025)"}},
      {&Power::filler,
       {.key = "power.filler",
        .number = 321,
        .default_text = "0",
        .maximum = 1,
        .needs = {"power.meter"},
        .summary = "power below which software burns energy while a chip communicates or waits, of "
                   "its TDP",
        .source = "off; up to 1 (Firefly)"}},
      {&Power::filler_slowdown,
       {.key = "power.filler_slowdown",
        .number = 322,
        .default_text = "0.02",
        .needs = {"power.filler"},
        .summary = "by which all compute takes longer with the filler",
        .source = "below 0.05 (Firefly), below 0.01 (TPU, by the compiler)"}},
      {&Power::storage,
       {.key = "power.storage",
        .number = 323,
        .dimension = Dimension::energy,
        .default_text = "0J",
        .needs = {"power.meter"},
        .summary = "energy that the power shelf stores for each chip of a job",
        .source = "off; GB300 65 J (NVIDIA, July 2025)"}},
      {&Power::storage_charge,
       {.key = "power.storage_charge",
        .number = 324,
        .dimension = Dimension::power,
        .default_text = "unlimited",
        .words = {"unlimited"},
        .needs = {"power.storage"},
        .summary = "most that it takes, for each chip",
        .source = "unlimited: none is published"}},
      {&Power::storage_discharge,
       {.key = "power.storage_discharge",
        .number = 325,
        .dimension = Dimension::power,
        .default_text = "unlimited",
        .words = {"unlimited"},
        .needs = {"power.storage"},
        .summary = "most that it gives, for each chip",
        .source = "unlimited: none is published"}},
      {&Power::storage_efficiency,
       {.key = "power.storage_efficiency",
        .number = 326,
        .default_text = "0.95",
        .minimum = 0.1,
        .maximum = 1,
        .needs = {"power.storage"},
        .summary = "of what it gives over what is taken out of it",
        .source = "assumption, range 0.9-0.98: electrolytic capacitors behind a converter"}},
      {&Power::storage_window,
       {.key = "power.storage_window",
        .number = 327,
        .dimension = Dimension::time,
        .default_text = "10s",
        .maximum = 1e9,
        .minimum_is_legal = false,
        .shapes_arrays = true,
        .needs = {"power.storage"},
        .summary = "of the average of the load that the grid is to see",
        .source = "assumption, range 1-60 s"}},
      {&Power::stagger,
       {.key = "power.stagger",
        .number = 328,
        .dimension = Dimension::time,
        .default_text = "0s",
        .shapes_arrays = true,
        .needs = {"power.meter"},
        .summary = "between the starts of jobs side by side (job.work_share = isolated)",
        .source = "0: they start together"}},
      {&Power::cap,
       {.key = "power.cap",
        .number = 329,
        .dimension = Dimension::power,
        .default_text = "none",
        .words = {"none"},
        .needs = {"power.meter"},
        .summary = "power that no chip exceeds but for its peaks: below what it computes at, that "
                   "takes longer",
        .source = "off; B200 can be set to 200-1,000 W"}},
      {&Power::cap_exponent,
       {.key = "power.cap_exponent",
        .number = 330,
        .default_text = "1.9",
        .minimum = 0.1,
        .maximum = 100,
        .needs = {"power.cap"},
        .summary = "g: the power of a chip above idle grows as speed^g",
        .source = "1.6-2.2: H200 capped at 350-500 W in MLPerf Inference v4.1, six models"}},
  };
  return all;
}

}  // namespace

std::span<const Parameter> power_parameters() {
  static const std::vector<Parameter> rows = rows_of(fields());
  return rows;
}

Power Power::plain() const {
  Power other = *this;
  other.floor = other.filler = other.storage = 0;
  other.cap.reset();
  return other;
}

Power power_from(const Values& values) {
  return read_fields(fields(), values);
}

}  // namespace lockstep
