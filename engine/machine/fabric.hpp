#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/base/parameter.hpp"
#include "engine/machine/chip.hpp"

namespace lockstep {

/// Class of a hop on a switched fabric: inside a scale-up domain, or by the highest switch it
/// passes. A torus has none: its links are the job's own.
enum class Tier : std::uint8_t { scale_up, leaf, spine, core };
inline constexpr std::size_t tier_count = 4;

/// How much longer than it should a message occupies links; empty spans are all 1.
struct LinkState {
  std::span<const double> link = {};  ///< (links_per_chip, groups, ranks) factors >= 1
  std::span<const double> tier = {};  ///< (tier_count) factors >= 1 on top: congestion

  /// Factor on the serialization of a hop between two chips' NICs; 1 inside a domain.
  double hop_factor(Tier hop, std::size_t source, std::size_t destination) const {
    if (hop == Tier::scale_up) return 1;
    const double slower = link.empty() ? 1 : std::max(link[source], link[destination]);
    return tier.empty() ? slower : slower * tier[static_cast<std::size_t>(hop)];
  }
};

/// What carries messages between chips, whatever the collective. Plain numbers: topologies make
/// hops of them.
struct Fabric {
  /// Both set: every hop costs exactly latency + bytes / bandwidth (no base latency, protocol,
  /// tier or sharing). Per rank and direction; on a torus per link.
  std::optional<double> hop_latency;    ///< [s]
  std::optional<double> hop_bandwidth;  ///< [B/s]
  std::string protocol;                 ///< auto, LL, LL128, Simple
  std::string cpu;                      ///< of the hosts: intel, amd, other
  /// Of nominal bandwidths, what large messages get; nullopt: the generation's.
  std::optional<double> scale_up_efficiency, network_efficiency;
  // Switched fabric: leaf switches, pods of leaves joined by spines, a core above the pods.
  std::string leaf;  ///< what shares one: rack or rail
  double leaf_chips = 0, pod_chips = 0;
  double spine_latency = 0, core_latency = 0;  ///< beyond the hop under one leaf [s]
  double spine_oversubscription = 0, core_oversubscription = 0;
  // Torus: direct links between neighbours.
  double link_latency = 0;               ///< [s]
  std::optional<double> link_bandwidth;  ///< each way [B/s]; default by chip
  // Tori joined by a data-centre network.
  std::optional<double> dcn_bandwidth;  ///< of a chip, each way [B/s]; default by chip
  double dcn_latency = 0;               ///< [s]

  /// What a chip's links carry each way [B/s]: its scale-up links together; its NIC; one torus
  /// link, of a chip without such a sixth of both; its share of the network between slices.
  double scale_up_rate(const Chip& chip) const;
  double network_rate(const Chip& chip) const;
  double link_rate(const Chip& chip) const;
  double dcn_rate(const Chip& chip) const;
  bool uniform() const { return hop_latency.has_value(); }
  bool operator==(const Fabric&) const = default;
};

std::span<const Parameter> fabric_parameters();

/// Reads the fabric. Throws InputError when only one of hop_latency and hop_bandwidth is given.
Fabric fabric_from(const Values& values);

}  // namespace lockstep
