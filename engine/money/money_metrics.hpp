#pragma once

#include <array>
#include <vector>

#include "engine/training/capability/metric.hpp"

namespace lockstep {

/// Of a year, a quarter, and an hour of one chip, each of the same stream [USD].
using PeriodDollars = std::array<double, 3>;
inline constexpr std::array<const char*, 3> money_periods{"year", "quarter", "chip_hour"};
inline constexpr double hours_of_year = 8760;

/// What a fleet costs and earns in one trial [USD]. NaN where the study lacks what it follows from.
struct CountedTrial {
  PeriodDollars rent{}, tokens{};
  PeriodDollars capital{}, electricity{}, serving_electricity{};
  PeriodDollars rent_margin{}, token_margin{};
  double training_cost = 0;  ///< of a million tokens trained
};

std::span<const MetricOf<CountedTrial>> money_metrics();
std::vector<Extent> money_extents();

}  // namespace lockstep
