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

/// What pays back 1 in even parts over `life` years, with `interest` a year on the rest: an annuity
/// paid all the time.
double paid_a_year(double life, double interest) {
  const double growth = std::log1p(interest);
  return interest > 0 ? growth / -std::expm1(-growth * life) : 1 / life;
}

/// NaN where the study does not ask for it.
double scalar(const TrainedTrial& trial, std::string_view capability, std::string_view metric) {
  const std::span<const double> values = trial.earlier.find(capability, metric);
  return values.empty() ? none : values[0];
}

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
  capital_ = capex * paid_a_year(money_.life / seconds_of_year, money_.interest);
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

}  // namespace lockstep
