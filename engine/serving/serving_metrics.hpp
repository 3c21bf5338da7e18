#pragma once

#include <array>
#include <vector>

#include "engine/training/capability/metric.hpp"

namespace lockstep {

/// Levels of the latencies' quantiles.
struct LatencyLevel {
  const char* name;
  double level;
};
inline constexpr std::array<LatencyLevel, 4> latency_levels{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}};

/// What the fleet served in the window of one trial, by its sampled cells.
struct ServedTrial {
  double request_rate = 0, output_rate = 0, input_rate = 0;  ///< [1/s]
  double rated_share = 0;
  double goodput = 0;                                                    ///< [1/s]
  std::array<double, latency_levels.size()> first_token{}, per_token{};  ///< [s]
  // (generations); NaN where it has no replica in the cells.
  std::vector<double> utilization, busy_share, output_rate_by_generation, batch, context_share;
  double lost = 0, preempted = 0, down = 0;                      ///< shares
  double power = 0, energy_per_token = 0, tokens_per_joule = 0;  ///< [W], [J], [1/J]
  double overloaded = 0;
};

std::span<const MetricOf<ServedTrial>> serving_metrics();
std::vector<Extent> serving_extents();

}  // namespace lockstep
