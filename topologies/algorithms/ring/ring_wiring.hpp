#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {

/// Who stands where on the rings of all groups, and what each hop goes over. Rings are the channels
/// of group after group; channel c visits each scale-up domain from its c-th rank on, so that every
/// NIC carries one.
class RingWiring {
 public:
  explicit RingWiring(const CollectiveRequest& request);

  std::int64_t ranks() const { return ranks_; }
  std::int64_t groups() const { return groups_; }
  std::int64_t rings() const { return first_ring_.back(); }
  std::span<const std::int64_t> channels() const { return channels_; }
  std::int64_t channels(std::int64_t group) const {
    return channels_[static_cast<std::size_t>(group)];
  }
  std::int64_t ring(std::int64_t group, std::int64_t channel) const {
    return first_ring_[static_cast<std::size_t>(group)] + channel;
  }
  /// (ranks) position -> rank.
  std::span<const std::int32_t> order(std::int64_t group, std::int64_t channel) const {
    return {order_.data() + ring(group, channel) * ranks_, static_cast<std::size_t>(ranks_)};
  }
  std::int32_t rank(std::int64_t group, std::int64_t channel, std::int64_t position) const {
    return order(group, channel)[static_cast<std::size_t>(position)];
  }
  std::int32_t chip(std::int64_t group, std::int64_t channel, std::int64_t position) const {
    return static_cast<std::int32_t>(group * ranks_) + rank(group, channel, position);
  }

  /// What hops go over, each kind once.
  std::span<const Wire> wires() const { return wires_; }
  /// Rings alike in every hop share a pattern: (rings) which.
  std::size_t pattern_of(std::int64_t ring) const {
    return pattern_of_[static_cast<std::size_t>(ring)];
  }
  /// (ranks) wires of the hops into each position.
  std::span<const std::int32_t> pattern_on(std::int64_t ring) const {
    return patterns_[pattern_of(ring)];
  }

 private:
  void lay_out(const Layout& layout);
  void wire_up(const CollectiveRequest& request);

  std::int64_t ranks_, groups_;
  std::vector<std::int64_t> channels_, first_ring_;  // by group; last: all rings
  std::vector<std::int32_t> order_;                  // (rings, ranks): position -> rank
  std::vector<Wire> wires_;
  std::vector<std::vector<std::int32_t>> patterns_;
  std::vector<std::size_t> pattern_of_;  // (rings)
};

}  // namespace lockstep
