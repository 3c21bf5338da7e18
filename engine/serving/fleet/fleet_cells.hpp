#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/machine/fleet.hpp"

namespace lockstep {

/// Where a replica of the fleet is: consecutive chips of a generation, by their index in it.
struct ReplicaPlace {
  std::size_t generation = 0;
  std::uint32_t first_chip = 0, chips = 0;
};

/// The fleet's replicas, cut into cells of equal size and mix: each takes consecutive replicas of
/// every generation, of which each has one at least. A replica is within one scale-up domain if one
/// holds it, else it takes the chips of several in order; chips that are left over serve nobody.
class FleetCells {
 public:
  /// `chips` (generations) of a replica. Throws InputError where there is no replica.
  FleetCells(const Fleet& fleet, const Placement& placement, std::span<const std::int64_t> chips,
             std::int64_t cell);

  std::int64_t count() const { return cells_; }
  /// Of a generation.
  std::int64_t replicas(std::size_t generation) const {
    return static_cast<std::int64_t>(first_chips_[generation].size());
  }
  std::int64_t replicas() const;
  /// In a replica of a generation.
  std::int64_t chips(std::size_t generation) const {
    return replicas(generation) * chips_[generation];
  }
  /// The replicas of one cell, generation after generation.
  std::vector<ReplicaPlace> cell(std::int64_t number) const;

 private:
  std::vector<std::int64_t> chips_;                      // (generations) of a replica
  std::vector<std::vector<std::uint32_t>> first_chips_;  // (generations, replicas)
  std::int64_t cells_ = 1;
};

}  // namespace lockstep
