#include "engine/money/counted_fleet.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "engine/base/error.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double seconds_of_year = hours_of_year * 3600, joules_of_kwh = 3.6e6;

void check_known(double price, std::string_view name, const std::string& chip) {
  if (std::isnan(price))
    throw InputError(fmt::format("money.count = on (no {} of {} is known) give chip.{}.{}", name,
                                 chip, chip, name));
}

/// NaN where the study does not ask for it.
double scalar(const TrainedTrial& trial, std::string_view capability, std::string_view metric) {
  const std::span<const double> values = trial.earlier.find(capability, metric);
  return values.empty() ? none : values[0];
}

std::unique_ptr<const PreparedCapability> prepare(const Jobs& jobs) {
  if (!money_from(jobs.values(), jobs.fleet()).counts) return nullptr;
  return std::make_unique<CountedFleet>(jobs);
}

// The first period is a year.
constexpr SummaryColumn columns[] = {
    {"capital", "M$/y", "capital_cost", 1e-6},
    {"rent", "M$/y", "rent_revenue", 1e-6},
    {"training electricity", "M$/y", "electricity_cost", 1e-6},
    {"rent margin", "M$/y", "rent_margin", 1e-6, "", Aim::more},
    {"tokens", "M$/y", "token_revenue", 1e-6},
    {"serving electricity", "M$/y", "serving_electricity_cost", 1e-6},
    {"token margin", "M$/y", "token_margin", 1e-6, "", Aim::more}};

const CountedFleet& fleet_of(const PreparedCapability& capability) {
  return static_cast<const CountedFleet&>(capability);
}

constexpr CapabilityFact facts[] = {
    {"rent $/y", "what a year's lease of the fleet earns",
     [](const PreparedCapability& c) { return fmt::format("{:.4g}", fleet_of(c).rent()); }},
    {"capital $/y", "a year's part of what its chips cost",
     [](const PreparedCapability& c) { return fmt::format("{:.4g}", fleet_of(c).capital()); }},
};

/// What it cannot tell, and what would.
void note_unknown(const PreparedCapability&, const Jobs& jobs, std::vector<std::string>& texts) {
  if (jobs.values().text("power.meter") == "off")
    texts.emplace_back(
        "money.count: electricity_cost, rent_margin and training_cost are none, since no power of "
        "training is metered; set power.meter = on.");
}

constexpr CapabilityNote notes[] = {{true, note_unknown}};

}  // namespace

CountedFleet::CountedFleet(const Jobs& jobs) : money_(money_from(jobs.values(), jobs.fleet())) {
  double rent = 0, capex = 0;
  for (std::size_t g = 0; g < money_.prices.size(); ++g) {
    const FleetGeneration& generation = jobs.fleet().generations[g];
    check_known(money_.prices[g].rent, "rent", generation.chip.name);
    check_known(money_.prices[g].capex, "capex", generation.chip.name);
    const auto chips = static_cast<double>(generation.chips);
    chips_ += chips;
    rent += chips * money_.prices[g].rent;
    capex += chips * money_.prices[g].capex;
  }
  rent_ = hours_of_year * rent * money_.availability * money_.occupancy;
  capital_ = capex * (seconds_of_year / money_.life);
}

PeriodDollars CountedFleet::periods(double year) const {
  return {year, year / 4, year / (hours_of_year * chips_)};
}

MetricValues CountedFleet::run_trial(const TrainedTrial& trial) const {
  const double per_joule_year = money_.electricity / joules_of_kwh * seconds_of_year;
  const double power = scalar(trial, "power", "power_mean");
  const double electricity = per_joule_year * power;
  const double serving_electricity = per_joule_year * scalar(trial, "serving", "serving_power");
  const double per_second =
      (money_.input_price * scalar(trial, "serving", "serving_input_rate") +
       money_.output_price * scalar(trial, "serving", "serving_output_rate")) /
      1e6;
  const double tokens = per_second * seconds_of_year * money_.availability;
  // Power over energy a token: tokens a second, while the fleet is available.
  const double trained = money_.availability * power / scalar(trial, "power", "energy_per_token");
  const CountedTrial counted{.rent = periods(rent_),
                             .tokens = periods(tokens),
                             .capital = periods(capital_),
                             .electricity = periods(electricity),
                             .serving_electricity = periods(serving_electricity),
                             .rent_margin = periods(rent_ - capital_ - electricity),
                             .token_margin = periods(tokens - capital_ - serving_electricity),
                             .training_cost = 1e6 * (capital_ + electricity) / seconds_of_year /
                                              (trained > 0 ? trained : none)};
  return values_of(money_metrics(), counted);
}

const Capability money_capability{
    .name = "money",
    .summary = "what the fleet costs and earns, leased or selling tokens",
    .parameters =
        [] {
          const auto rows = money_parameters();
          return std::vector<Parameter>(rows.begin(), rows.end());
        },
    .metrics = [] { return rows_of(money_metrics()); },
    .extents = money_extents,
    .columns = columns,
    .facts = facts,
    .notes = notes,
    .prepare = prepare};

}  // namespace lockstep
