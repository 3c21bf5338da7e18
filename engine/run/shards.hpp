#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {

/// Far more than any array of tasks has; the split keeps a load for each.
inline constexpr std::int64_t most_shards = 1'000'000;

/// Reads "I/N" with 0 <= I < N. Throws InputError.
Shard parse_shard(std::string_view text);

/// Cost of one trial of a design point, in units of about 0.1 ns on one core: that of training_cost
/// and of its capabilities, never timed, so that every machine computes the same split.
std::int64_t trial_cost(const Jobs& point);

/// Blocks of shard `choice`, ascending. Longest first to the least loaded shard, ties to the lower
/// block and the lower shard (Graham's LPT rule: no shard costs more than 4/3 of the best split).
/// cost: (blocks). Cost O(blocks log shards).
std::vector<std::int64_t> shard_blocks(std::span<const std::int64_t> cost, Shard choice);

}  // namespace lockstep
