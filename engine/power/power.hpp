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
  double overshoot = 0;              ///< share of TDP, when compute begins
  double overshoot_time = 0;         ///< [s]
  double conversion_efficiency = 1;  ///< of chips and hosts, from the meter on
  double host_following = 0;         ///< share of a chip's host power that follows its load
  double network_share = 0;          ///< of chips, hosts and network together
  double pue = 1;                    ///< power at the meter over that of these three
  double resolution = 0;             ///< of the trace [s]
  std::string limit;                 ///< that has to be judged; all: those that a trace shows
  /// Of the user's own: within any 5 s, within any minute [W].
  std::optional<double> swing_limit, ramp_limit;

  std::int64_t traces = 0;  ///< of so many first trials the trace and spectrum are kept
  double trace_time = 0;    ///< of each, from its begin [s]

  // What smooths it, and what is done about it.
  double floor = 0;  ///< share of TDP below which no phase of a job is
  /// Of the chip's own box: how fast it moves [W/s], nullopt: at once; how long a wait may be
  /// before it falls [s], nullopt: it never does.
  std::optional<double> ramp_up, ramp_down, stop_delay;
  bool tuned = false;  ///< software raises the box before compute, and sets the floor by phase
  std::optional<double> lead;           ///< by so much [s]; nullopt: by what its rise takes
  std::optional<double> waiting_floor;  ///< share of TDP, of a tuned stack; nullopt: floor
  double filler = 0;                    ///< share of TDP that software burns in place of less
  double filler_slowdown = 0;           ///< by which all compute takes longer with it
  double storage = 0;                   ///< of a chip in a job [J]
  std::optional<double> storage_charge, storage_discharge;  ///< of a chip; nullopt: any [W]
  double storage_efficiency = 1;  ///< of what it gives over what is taken out of it
  double storage_window = 0;      ///< of the average that it follows [s]
  double stagger = 0;             ///< between the starts of jobs side by side [s]
  std::optional<double> cap;      ///< of a chip [W]
  double cap_exponent = 1;        ///< g: power above idle grows as speed^g

  /// Whether anything of that is on.
  bool smooths() const {
    return floor > 0 || floor_in_waits() > 0 || filler > 0 || storage > 0 || cap || stop_delay;
  }
  /// Share of TDP, while a chip communicates or waits.
  double floor_in_waits() const { return tuned ? waiting_floor.value_or(floor) : floor; }
  /// The same without it.
  Power plain() const;

  bool operator==(const Power&) const = default;
};

std::span<const Parameter> power_parameters();
Power power_from(const Values& values);

}  // namespace lockstep
