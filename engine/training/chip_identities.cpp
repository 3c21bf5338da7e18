#include "engine/training/chip_identities.hpp"

#include <algorithm>

namespace lockstep {

ChipIdentities::ChipIdentities(const Layout& layout) : replicas_(layout.replicas) {
  std::vector<std::size_t> counts;
  for (std::size_t i = 0; i < layout.generation.size(); ++i) {
    const std::size_t g = layout.generation[i];
    if (g >= counts.size()) counts.resize(g + 1, 0);
    counts[g] = std::max(counts[g], std::size_t{layout.entity_low[i]} + 1);
  }
  generations_.resize(counts.size());
  for (std::size_t g = 0; g < counts.size(); ++g) generations_[g].position.assign(counts[g], -1);
  for (std::size_t i = 0; i < layout.generation.size(); ++i) {
    Generation& generation = generations_[layout.generation[i]];
    generation.identity = layout.entity_high[i];
    generation.position[layout.entity_low[i]] = static_cast<std::int32_t>(i);
  }
  number_groups(layout);
}

void ChipIdentities::number_groups(const Layout& layout) {
  const std::int64_t chips = layout.tensor * layout.coupled;
  struct Group {
    std::uint32_t first;  // the least identity
    std::int32_t place;
  };
  std::vector<std::vector<Group>> groups(generations_.size());
  for (std::int64_t stage = 0; stage < layout.pipeline; ++stage)
    for (std::int64_t replica = 0; replica < layout.replicas; replica += layout.coupled) {
      const auto place = static_cast<std::int32_t>(stage * layout.replicas + replica);
      const auto start = static_cast<std::size_t>(layout.at(stage * layout.tensor, replica));
      Group group{layout.entity_low[start], place};
      bool mixed = false;
      for (std::int64_t t = 0; t < layout.tensor; ++t)
        for (std::int64_t r = 0; r < layout.coupled; ++r) {
          const auto chip =
              static_cast<std::size_t>(layout.at(stage * layout.tensor + t, replica + r));
          if (layout.generation[chip] != layout.generation[start])
            mixed = true;
          else
            group.first = std::min(group.first, layout.entity_low[chip]);
        }
      if (mixed) {
        mixed_.resize(static_cast<std::size_t>(layout.pipeline * layout.replicas));
        mixed_[static_cast<std::size_t>(place)] = 1;
      }
      groups[layout.generation[start]].push_back(group);
    }
  group_at_.resize(static_cast<std::size_t>(layout.pipeline * layout.replicas));
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::sort(groups[g].begin(), groups[g].end(),
              [](const Group& a, const Group& b) { return a.first < b.first; });
    std::vector<std::int32_t>& places = generations_[g].group;
    for (const Group& group : groups[g]) {
      const auto number = static_cast<std::size_t>(group.first / chips);
      places.resize(std::max(places.size(), number), -1);
      group_at_[static_cast<std::size_t>(group.place)] =
          static_cast<std::int32_t>(group_numbers_ + places.size());
      places.push_back(group.place);
    }
    group_numbers_ += places.size();
  }
}

}  // namespace lockstep
