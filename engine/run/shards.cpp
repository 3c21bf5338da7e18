#include "engine/run/shards.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/training/trial/training_cost.hpp"

namespace lockstep {
Shard parse_shard(std::string_view text) {
  Shard choice;
  const auto slash = text.find('/');
  const auto whole = [](std::string_view part, std::int64_t& value) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc{} && end == part.data() + part.size();
  };
  if (slash == std::string_view::npos || !whole(text.substr(0, slash), choice.index) ||
      !whole(text.substr(slash + 1), choice.count) || choice.index < 0 || choice.count < 1 ||
      choice.index >= choice.count || choice.count > most_shards)
    throw InputError(
        fmt::format("--shard {} (I/N with 0 <= I < N <= {} is due) write for example "
                    "--shard 0/4 for the first of four",
                    text, most_shards));
  return choice;
}

std::int64_t trial_cost(const Jobs& point) {
  double cost = 1;
  for (const auto& job : point.all()) {
    const TrainingCost training = training_cost(*job);
    cost += training.beginning + training.steps;
  }
  for (const auto& [row, prepared] : point.capabilities())
    if (prepared) cost += prepared->trial_cost();
  return static_cast<std::int64_t>(cost);
}

std::vector<std::int64_t> shard_blocks(std::span<const std::int64_t> cost, Shard choice) {
  std::vector<std::int64_t> order(cost.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto cost_of = [&](std::int64_t block) { return cost[static_cast<std::size_t>(block)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return cost_of(a) > cost_of(b); });
  using Load = std::pair<std::int64_t, std::int64_t>;  // load, shard
  std::priority_queue<Load, std::vector<Load>, std::greater<>> loads;
  for (std::int64_t shard = 0; shard < choice.count; ++shard) loads.push({0, shard});
  std::vector<std::int64_t> blocks;
  for (std::int64_t block : order) {
    auto [load, shard] = loads.top();
    loads.pop();
    loads.push({load + cost_of(block), shard});
    if (shard == choice.index) blocks.push_back(block);
  }
  std::sort(blocks.begin(), blocks.end());
  return blocks;
}

}  // namespace lockstep
