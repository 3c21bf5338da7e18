#include "engine/money/money_metrics.hpp"

namespace lockstep {
namespace {

using T = CountedTrial;

template <PeriodDollars T::*member>
std::span<const double> values(const T& trial) {
  return trial.*member;
}

constexpr std::string_view period = "money_period";

Metric row(std::string_view name, std::string_view meaning) {
  return {.variable = {std::string(name), {std::string(period)}, "USD", std::string(meaning)},
          .support = Support::quantity()};
}

/// NaN where the study lacks what it follows from.
Metric where_known(Metric metric) {
  metric.of_each_trial = false;
  return metric;
}

Metric margin(Metric metric) {
  metric.support = {};
  return where_known(metric);
}

Metric of_work(Metric metric) {
  metric.variable.extents.clear();
  metric.needs_work = true;
  return where_known(metric);
}

}  // namespace

std::span<const MetricOf<CountedTrial>> money_metrics() {
  static const std::vector<MetricOf<CountedTrial>> rows{
      {row("rent_revenue", "what the fleet earns leased at chip.NAME.rent, at any work"),
       values<&T::rent>},
      {where_known(row("token_revenue",
                       "what it earns with the tokens that it serves; none "
                       "without serving.load")),
       values<&T::tokens>},
      {row("capital_cost", "chip.NAME.capex over money.life with money.interest"),
       values<&T::capital>},
      {where_known(row("electricity_cost",
                       "of power_mean, the training jobs' power; none without "
                       "power.meter")),
       values<&T::electricity>},
      {where_known(row("serving_electricity_cost", "of serving_power; none without serving.load")),
       values<&T::serving_electricity>},
      {margin(row("rent_margin",
                  "rent_revenue less capital_cost and electricity_cost: before "
                  "buildings, staff and taxes")),
       values<&T::rent_margin>},
      {margin(row("token_margin",
                  "token_revenue less capital_cost and serving_electricity_cost: "
                  "before the same")),
       values<&T::token_margin>},
      {of_work(row("training_cost",
                   "capital_cost and electricity_cost of a million tokens that "
                   "the jobs train in money.availability of the time; none without "
                   "power.meter")),
       [](const T& t) { return std::span(&t.training_cost, 1); }},
  };
  return rows;
}

std::vector<Extent> money_extents() {
  return {{std::string(period),
           {money_periods.begin(), money_periods.end()},
           "a year of 8,760 h, a quarter of it, or an hour of one chip"}};
}

}  // namespace lockstep
