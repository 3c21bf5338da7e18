#pragma once

#include <cstdint>
#include <vector>

#include "engine/network/collective.hpp"

namespace lockstep {

/// The ranks of one group as a grid of rails and clusters; places are rail x clusters + cluster.
struct RailLayout {
  std::int64_t rails = 1, clusters = 1;
  std::vector<std::int32_t> member;  ///< (rails, clusters) rank on each rail
  std::vector<std::int32_t> folded;  ///< (rails, clusters) rank without a rail that it stands for,
                                     ///< or -1
  bool folds = false;                ///< some rank has no rail
  bool splits = false;               ///< some domain holds several clusters

  std::int64_t places() const { return rails * clusters; }
  /// Place before in the ring inside the cluster, and on the rail.
  std::int64_t before_inside(std::int64_t place) const {
    return (place + places() - clusters) % places();
  }
  std::int64_t before_on_rail(std::int64_t place) const {
    const std::int64_t cluster = place % clusters;
    return place - cluster + (cluster + clusters - 1) % clusters;
  }
};

/// As many rails as the group has ranks in its smallest domain; every scale-up domain of s ranks is
/// split into floor(s / rails) clusters of nearly equal sizes.
RailLayout rail_layout(const Layout& layout, std::int64_t group);

}  // namespace lockstep
