#include "engine/machine/layout.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

bool some_generation_fills_one(const Fleet& fleet, std::int64_t model_parallel) {
  return std::any_of(fleet.generations.begin(), fleet.generations.end(),
                     [&](const auto& generation) { return generation.chips >= model_parallel; });
}

/// Slots of each whole replica, ordered by first slot.
std::vector<std::vector<std::int32_t>> fill_replicas(const Fleet& fleet, const Placement& placement,
                                                     std::int64_t model_parallel) {
  const bool straddle = !some_generation_fills_one(fleet, model_parallel);
  std::vector<std::vector<std::int32_t>> open(straddle ? 1 : fleet.generations.size());
  std::vector<std::vector<std::int32_t>> replicas;
  for (std::int64_t slot = 0; slot < placement.slots(); ++slot) {
    auto& filling = open[straddle ? 0 : placement.generation[static_cast<std::size_t>(slot)]];
    filling.push_back(static_cast<std::int32_t>(slot));
    if (static_cast<std::int64_t>(filling.size()) == model_parallel)
      replicas.push_back(std::exchange(filling, {}));
  }
  std::sort(replicas.begin(), replicas.end(),
            [](const auto& a, const auto& b) { return a.front() < b.front(); });
  return replicas;
}

}  // namespace

std::int64_t replicas_that_fit(const Fleet& fleet, std::int64_t model_parallel) {
  if (!some_generation_fills_one(fleet, model_parallel)) return fleet.chips() / model_parallel;
  std::int64_t replicas = 0;
  for (const auto& generation : fleet.generations) replicas += generation.chips / model_parallel;
  return replicas;
}

Layout arrange(const Fleet& fleet, const Placement& placement, std::int64_t tensor,
               std::int64_t pipeline, std::int64_t most_replicas) {
  const std::int64_t model_parallel = tensor * pipeline;
  if (model_parallel > fleet.chips())
    throw InputError(
        fmt::format("job.tensor x job.pipeline = {} x {} = {} chips (the fleet has {}) use smaller "
                    "ones or more "
                    "chips",
                    tensor, pipeline, model_parallel, fleet.chips()));
  auto replicas = fill_replicas(fleet, placement, model_parallel);
  if (static_cast<std::int64_t>(replicas.size()) > most_replicas)
    replicas.resize(static_cast<std::size_t>(most_replicas));

  Layout layout;
  layout.tensor = tensor;
  layout.pipeline = pipeline;
  layout.replicas = static_cast<std::int64_t>(replicas.size());
  layout.idle_chips = fleet.chips() - layout.chips();
  const auto chips = static_cast<std::size_t>(layout.chips());
  layout.slot.resize(chips);
  layout.generation.resize(chips);
  layout.domain.resize(chips);
  layout.entity_low.resize(chips);
  layout.entity_high.resize(chips);
  if (!placement.speed.empty()) layout.speed.resize(chips);
  for (std::int64_t r = 0; r < layout.replicas; ++r) {
    const auto& slots = replicas[static_cast<std::size_t>(r)];
    for (std::int64_t l = 0; l < model_parallel; ++l) {
      const auto slot = static_cast<std::size_t>(slots[static_cast<std::size_t>(l)]);
      const auto i = static_cast<std::size_t>(layout.at(l, r));
      layout.slot[i] = static_cast<std::int32_t>(slot);
      layout.generation[i] = placement.generation[slot];
      layout.domain[i] = placement.domain[slot];
      layout.entity_low[i] = placement.index[slot];
      layout.entity_high[i] = fleet.generations[placement.generation[slot]].identity;
      if (!placement.speed.empty()) layout.speed[i] = placement.speed[slot];
    }
    layout.straddling += std::any_of(slots.begin(), slots.end(), [&](std::int32_t s) {
      return placement.generation[static_cast<std::size_t>(s)] !=
             placement.generation[static_cast<std::size_t>(slots.front())];
    });
  }
  return layout;
}

Layout regroup(const Layout& layout, const GroupShape& shape) {
  if (shape == GroupShape{layout.replicas, layout.groups()}) return layout;
  Layout grouped = layout;
  grouped.tensor = layout.chips() / shape.ranks;
  grouped.pipeline = 1;
  grouped.replicas = shape.ranks;
  for (std::int64_t x = 0; x < layout.chips(); ++x) {
    const std::int64_t group = x / (shape.ranks * shape.stride) * shape.stride + x % shape.stride;
    const std::int64_t rank = x / shape.stride % shape.ranks;
    const auto from = static_cast<std::size_t>(layout.at(x % layout.groups(), x / layout.groups()));
    const auto to = static_cast<std::size_t>(grouped.at(group, rank));
    grouped.slot[to] = layout.slot[from];
    grouped.generation[to] = layout.generation[from];
    grouped.domain[to] = layout.domain[from];
    grouped.entity_low[to] = layout.entity_low[from];
    grouped.entity_high[to] = layout.entity_high[from];
    if (!layout.speed.empty()) grouped.speed[to] = layout.speed[from];
  }
  return grouped;
}

}  // namespace lockstep
