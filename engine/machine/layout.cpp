#include "engine/machine/layout.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

bool some_generation_fills_one(const Fleet& fleet, std::int64_t block) {
  return std::any_of(fleet.generations.begin(), fleet.generations.end(),
                     [&](const auto& generation) { return generation.chips >= block; });
}

/// Slots of each whole block, ordered by first slot.
std::vector<std::vector<std::int32_t>> fill_blocks(const Fleet& fleet, const Placement& placement,
                                                   std::int64_t chips) {
  const bool straddle = !some_generation_fills_one(fleet, chips);
  std::vector<std::vector<std::int32_t>> open(straddle ? 1 : fleet.generations.size());
  std::vector<std::vector<std::int32_t>> blocks;
  for (std::int64_t slot = 0; slot < placement.slots(); ++slot) {
    auto& filling = open[straddle ? 0 : placement.generation[static_cast<std::size_t>(slot)]];
    filling.push_back(static_cast<std::int32_t>(slot));
    if (static_cast<std::int64_t>(filling.size()) == chips)
      blocks.push_back(std::exchange(filling, {}));
  }
  std::sort(blocks.begin(), blocks.end(),
            [](const auto& a, const auto& b) { return a.front() < b.front(); });
  return blocks;
}

void refuse_too_few_chips(const Fleet& fleet, std::int64_t tensor, std::int64_t pipeline,
                          std::int64_t coupled) {
  const std::int64_t chips = tensor * pipeline * coupled;
  if (chips <= fleet.chips()) return;
  const std::string sharing = coupled > 1 ? fmt::format(" x {}", coupled) : "";
  throw InputError(fmt::format(
      "job.tensor x job.pipeline{} = {} x {}{} = {} chips (the fleet has {}) use smaller ones or "
      "more chips",
      coupled > 1 ? " x the replicas of a context or expert group" : "", tensor, pipeline, sharing,
      chips, fleet.chips()));
}

/// The layout with these of its chips in its arrays.
Layout chips_of(const Layout& layout, std::span<const std::int32_t> places) {
  Layout part = layout;
  const auto take = [&](auto& array) {
    auto all = std::exchange(array, {});
    if (all.empty()) return;
    for (std::int32_t from : places) array.push_back(all[static_cast<std::size_t>(from)]);
  };
  take(part.slot);
  take(part.generation);
  take(part.domain);
  take(part.entity_low);
  take(part.entity_high);
  take(part.speed);
  return part;
}

}  // namespace

std::int64_t replicas_that_fit(const Fleet& fleet, std::int64_t model_parallel,
                               std::int64_t coupled) {
  const std::int64_t block = model_parallel * coupled;
  if (!some_generation_fills_one(fleet, block)) return fleet.chips() / block * coupled;
  std::int64_t blocks = 0;
  for (const auto& generation : fleet.generations) blocks += generation.chips / block;
  return blocks * coupled;
}

Layout arrange(const Fleet& fleet, const Placement& placement, std::int64_t tensor,
               std::int64_t pipeline, std::int64_t most_replicas, std::int64_t coupled) {
  refuse_too_few_chips(fleet, tensor, pipeline, coupled);
  auto blocks = fill_blocks(fleet, placement, tensor * pipeline * coupled);
  if (static_cast<std::int64_t>(blocks.size()) > most_replicas / coupled)
    blocks.resize(static_cast<std::size_t>(most_replicas / coupled));

  Layout layout;
  layout.tensor = tensor;
  layout.pipeline = pipeline;
  layout.coupled = coupled;
  layout.replicas = static_cast<std::int64_t>(blocks.size()) * coupled;
  layout.idle_chips = fleet.chips() - layout.chips();
  const auto chips = static_cast<std::size_t>(layout.chips());
  layout.slot.resize(chips);
  layout.generation.resize(chips);
  layout.domain.resize(chips);
  layout.entity_low.resize(chips);
  layout.entity_high.resize(chips);
  if (!placement.speed.empty()) layout.speed.resize(chips);
  for (std::int64_t r = 0; r < layout.replicas; ++r) {
    const auto& slots = blocks[static_cast<std::size_t>(r / coupled)];
    const std::uint8_t first = placement.generation[static_cast<std::size_t>(slots.front())];
    bool straddles = false;
    for (std::int64_t l = 0; l < layout.groups(); ++l) {
      const std::int64_t place = (l / tensor * coupled + r % coupled) * tensor + l % tensor;
      const auto slot = static_cast<std::size_t>(slots[static_cast<std::size_t>(place)]);
      const auto i = static_cast<std::size_t>(layout.at(l, r));
      layout.slot[i] = static_cast<std::int32_t>(slot);
      layout.generation[i] = placement.generation[slot];
      layout.domain[i] = placement.domain[slot];
      layout.entity_low[i] = placement.index[slot];
      layout.entity_high[i] = fleet.generations[placement.generation[slot]].identity;
      if (!placement.speed.empty()) layout.speed[i] = placement.speed[slot];
      straddles |= placement.generation[slot] != first;
    }
    layout.straddling += straddles;
  }
  return layout;
}

std::vector<std::int32_t> places_of(const Layout& layout, const GroupShape& shape) {
  std::vector<std::int32_t> places(static_cast<std::size_t>(layout.chips()));
  for (std::int64_t x = 0; x < layout.chips(); ++x) {
    const std::int64_t group = x / (shape.ranks * shape.stride) * shape.stride + x % shape.stride;
    const std::int64_t rank = x / shape.stride % shape.ranks;
    places[static_cast<std::size_t>(group * shape.ranks + rank)] =
        static_cast<std::int32_t>(layout.at(x % layout.groups(), x / layout.groups()));
  }
  return places;
}

Layout regroup(const Layout& layout, const GroupShape& shape) {
  if (shape == GroupShape{layout.replicas, layout.groups()}) return layout;
  Layout grouped = chips_of(layout, places_of(layout, shape));
  grouped.tensor = layout.chips() / shape.ranks;
  grouped.pipeline = 1;
  grouped.replicas = shape.ranks;
  grouped.coupled = 1;
  return grouped;
}

Layout with_replicas(const Layout& layout, std::span<const std::int64_t> replicas) {
  std::vector<std::int32_t> places;
  for (std::int64_t group = 0; group < layout.groups(); ++group)
    for (std::int64_t replica : replicas)
      places.push_back(static_cast<std::int32_t>(layout.at(group, replica)));
  Layout part = chips_of(layout, places);
  part.replicas = std::ssize(replicas);
  return part;
}

}  // namespace lockstep
