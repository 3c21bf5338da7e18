#include "engine/run/capabilities.hpp"

#include "engine/money/counted_fleet.hpp"
#include "engine/power/metered_jobs.hpp"
#include "engine/reliability/long_runs.hpp"
#include "engine/reliability/schedulable_share.hpp"
#include "engine/serving/served_fleet.hpp"
#include "engine/training/sampling.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

std::span<const Capability* const> capabilities() {
  static constexpr const Capability* rows[] = {
      &reliability_capability, &schedulable_share_capability,
      &power_capability,       &serving_capability,
      &money_capability,
  };
  return rows;
}

std::vector<Parameter> engine_parameters(std::span<const Capability* const> capabilities) {
  std::vector<Parameter> all;
  const auto add = [&](std::span<const Parameter> rows) {
    all.insert(all.end(), rows.begin(), rows.end());
  };
  for (const auto rows : {sampling_parameters(), fleet_parameters(), job_parameters(),
                          fabric_parameters(), noise_parameters()})
    add(rows);
  for (const Capability* capability : capabilities) add(capability->parameters());
  add(chip_parameters());
  return all;
}

}  // namespace lockstep
