#pragma once

#include <optional>
#include <span>
#include <string>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// What carries messages between chips, whatever the collective. Plain numbers: topologies make
/// hops of them.
struct Fabric {
  /// Both set: every hop costs exactly latency + bytes / bandwidth (no base latency, protocol,
  /// tier or sharing). Per rank and direction; on a torus per link.
  std::optional<double> hop_latency;    ///< [s]
  std::optional<double> hop_bandwidth;  ///< [B/s]
  std::string protocol = "auto";        ///< auto, LL, LL128, Simple
  // Switched fabric: leaf switches, pods of leaves joined by spines, a core above the pods.
  double leaf_chips = 1, pod_chips = 1;
  double spine_latency = 0, core_latency = 0;  ///< beyond the hop under one leaf [s]
  double spine_oversubscription = 1, core_oversubscription = 1;
  // Torus: direct links between neighbours.
  double link_latency = 0;               ///< [s]
  std::optional<double> link_bandwidth;  ///< each way [B/s]; default injection / 6

  bool uniform() const { return hop_latency.has_value(); }
};

std::span<const Parameter> fabric_parameters();

/// Reads the fabric. Throws InputError when only one of hop_latency and hop_bandwidth is given.
Fabric fabric_from(const Values& values);

}  // namespace lockstep
