#include "engine/training/trial/chip_identities.hpp"

#include <algorithm>

namespace lockstep {

ChipIdentities::ChipIdentities(const Layout& layout) {
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
}

}  // namespace lockstep
