#pragma once

#include <optional>
#include <span>
#include <string>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// How the fleet's power is metered. What chips draw by phase are shares of their TDP, whatever
/// their generation.
struct Power {
  bool meters = false;
  double compute = 0;                ///< share of TDP
  double communication = 0;          ///< share of TDP
  std::optional<double> waiting;     ///< share of TDP; nullopt: as communication
  double peak = 0;                   ///< share of TDP, when compute begins
  double peak_time = 0;              ///< [s]
  double conversion_efficiency = 1;  ///< of chips and hosts, from the meter on
  double host_following = 0;         ///< share of a chip's host power that follows its load
  double network_share = 0;          ///< of chips, hosts and network together
  double pue = 1;                    ///< power at the meter over that of these three
  double resolution = 0;             ///< of the trace [s]
  std::string limit;                 ///< that has to be judged; all: those that a trace shows
  /// Of the user's own: within any 5 s, within any minute [W].
  std::optional<double> swing_limit, ramp_limit;

  bool operator==(const Power&) const = default;
};

std::span<const Parameter> power_parameters();
Power power_from(const Values& values);

}  // namespace lockstep
