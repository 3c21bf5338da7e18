#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/machine/fleet.hpp"
#include "engine/noise/noise.hpp"
#include "engine/serving/cell/cell.hpp"
#include "engine/serving/fleet/fleet_cells.hpp"

namespace lockstep {

/// How slow the chips of a fleet are in one trial: the same speeds, stragglers and episodes that
/// the training of this trial meets, by the same draws. A replica is as slow as its slowest chip.
class CellNoise {
 public:
  /// Both must outlive it. `relative` (generations, chips): speeds of a measured fleet; empty: 1.
  CellNoise(const Fleet& fleet, const Noise& noise,
            const std::vector<std::vector<double>>& relative, std::uint64_t seed,
            std::uint32_t trial);

  /// (replicas) as the trial begins, and what episodes change up to `end` [s], in order of time. A
  /// state holds for a second, or a thousandth of the time where that is longer: that at its start.
  struct Course {
    std::vector<double> slowness;
    std::vector<CellChange> changes;
  };
  Course of(std::span<const ReplicaPlace> places, double end) const;

 private:
  std::vector<double> lasting(const ReplicaPlace& place) const;

  const Fleet& fleet_;
  const Noise& noise_;
  const std::vector<std::vector<double>>& relative_;
  std::uint64_t seed_;
  std::uint32_t trial_;
  std::vector<std::vector<std::uint32_t>> stragglers_;  // (generations) indices, ascending
};

/// (generations, chips) relative speeds of a measured fleet; nothing of another.
std::vector<std::vector<double>> relative_speeds(const Fleet& fleet, const Placement& placement);

}  // namespace lockstep
