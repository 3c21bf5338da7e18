#include "engine/model/long_run/job_nodes.hpp"

#include <algorithm>
#include <numeric>

namespace lockstep {
namespace {

/// (generations, chips) which of its generation's nodes each chip is in.
std::vector<std::vector<std::int64_t>> number_nodes(const Fleet& fleet) {
  std::vector<std::vector<std::int64_t>> node_of(fleet.generations.size());
  for (std::size_t g = 0; g < node_of.size() && fleet.nodes.empty(); ++g) {
    const auto size = static_cast<std::int64_t>(fleet.generations[g].chip.node);
    for (std::int64_t i = 0; i < fleet.generations[g].chips; ++i) node_of[g].push_back(i / size);
  }
  std::int64_t number = 0;
  for (const FleetNode& node : fleet.nodes) {
    node_of[node.generation].insert(node_of[node.generation].end(),
                                    static_cast<std::size_t>(node.chips), number);
    ++number;
  }
  return node_of;
}

}  // namespace

JobNodes::JobNodes(const Fleet& fleet, const Layout& layout)
    : chips_(static_cast<std::size_t>(layout.chips())), node_of_(chips_.size()) {
  std::iota(chips_.begin(), chips_.end(), 0);
  std::sort(chips_.begin(), chips_.end(), [&](std::int32_t a, std::int32_t b) {
    return layout.slot[static_cast<std::size_t>(a)] < layout.slot[static_cast<std::size_t>(b)];
  });
  const auto numbers = number_nodes(fleet);
  std::int64_t last_node = -1;
  std::int32_t last_domain = -1;
  for (std::size_t i = 0; i < chips_.size(); ++i) {
    const auto chip = static_cast<std::size_t>(chips_[i]);
    const std::uint8_t generation = layout.generation[chip];
    const std::int64_t node = numbers[generation][layout.entity_low[chip]];
    const bool other_domain = layout.domain[chip] != last_domain;
    if (other_domain) domains_.push_back(count());
    if (other_domain || node != last_node) {
      begin_.push_back(i);
      generation_.push_back(generation);
    }
    node_of_[chip] = count() - 1;
    last_node = node;
    last_domain = layout.domain[chip];
  }
  begin_.push_back(chips_.size());
  domains_.push_back(count());
}

}  // namespace lockstep
