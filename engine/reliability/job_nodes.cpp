#include "engine/reliability/job_nodes.hpp"

#include <algorithm>
#include <numeric>

namespace lockstep {

JobNodes::JobNodes(const Fleet& fleet, const Layout& layout)
    : chips_(static_cast<std::size_t>(layout.chips())), node_of_(chips_.size()) {
  std::iota(chips_.begin(), chips_.end(), 0);
  std::sort(chips_.begin(), chips_.end(), [&](std::int32_t a, std::int32_t b) {
    return layout.slot[static_cast<std::size_t>(a)] < layout.slot[static_cast<std::size_t>(b)];
  });
  const auto numbers = node_numbers(fleet);
  std::int64_t last_node = -1;
  std::int32_t last_domain = -1;  // of the node's first chip
  int last_generation = -1;
  for (std::size_t i = 0; i < chips_.size(); ++i) {
    const auto chip = static_cast<std::size_t>(chips_[i]);
    const std::uint8_t generation = layout.generation[chip];
    const std::int64_t node = numbers[generation][layout.entity_low[chip]];
    if (node != last_node || generation != last_generation) {
      if (layout.domain[chip] != last_domain) domains_.push_back(count());
      begin_.push_back(i);
      generation_.push_back(generation);
      last_node = node;
      last_domain = layout.domain[chip];
      last_generation = generation;
    }
    node_of_[chip] = count() - 1;
  }
  begin_.push_back(chips_.size());
  domains_.push_back(count());
}

}  // namespace lockstep
