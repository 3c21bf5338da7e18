#include "engine/power/metered_fleet.hpp"

#include <algorithm>
#include <limits>

#include "engine/power/smoothing/storage.hpp"
#include "engine/power/swing.hpp"

namespace lockstep {

MeteredFleet::MeteredFleet(std::span<const DesignPoint* const> jobs, const Power& power)
    : power_(power) {
  for (const DesignPoint* job : jobs) {
    jobs_.emplace_back(*job, power);
    chips_ += static_cast<double>(job->layout().chips());
  }
}

std::unique_ptr<PowerMeter> MeteredFleet::meter(std::size_t job) const {
  return std::make_unique<PowerMeter>(jobs_[job]);
}

/// What is left of a job's `load` behind the storage of its chips.
std::vector<double> MeteredFleet::behind_storage(std::vector<double> load, double chips) const {
  if (power_.storage == 0) return load;
  constexpr double any = std::numeric_limits<double>::infinity();
  return smoothed(load, power_.resolution,
                  {.energy = chips * power_.storage,
                   .charge = chips * power_.storage_charge.value_or(any),
                   .discharge = chips * power_.storage_discharge.value_or(any),
                   .efficiency = power_.storage_efficiency,
                   .window = power_.storage_window});
}

MeteredFleet::Trace MeteredFleet::trace(std::span<const TrainedJob> trained,
                                        std::span<const PowerMeter* const> meters) const {
  std::vector<std::vector<double>> traces;
  std::vector<double> means;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    const PowerTrace& trace = meters[j]->trace();
    // Steps shorter than the resolution have the one value that they begin in.
    const std::size_t bins = std::max<std::size_t>(1, trace.bins_until(meters[j]->end()));
    const auto chips = static_cast<double>(jobs_[j].job->layout().chips());
    std::vector<double>& own = traces.emplace_back(behind_storage(trace.bins(bins), chips));
    means.push_back(swing_of(own).mean);
    const double later = static_cast<double>(jobs_.size() - 1 - j) * power_.stagger;
    const std::size_t ahead = std::min(trace.bins_until(later), bins - 1);
    own.erase(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(ahead));
  }
  Trace result{.watts = sum_of(traces)};
  double idle = 0;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    const MeteredJob& metered = jobs_[j];
    const double step = trained[j].step.step_time;
    result.energy_per_step += meter_factor(power_) * (means[j] + metered.idle) * step;
    result.tokens_per_second += metered.job->work().tokens / step;
    result.held +=
        meters[j]->held() / (static_cast<double>(metered.job->scenario().steps) * chips_);
    result.down += metered.context + metered.idle;
    idle += metered.idle;
  }
  for (double& watts : result.watts) watts += idle;
  // Network, cooling, distribution.
  const double besides = (meter_factor(power_) - 1) * swing_of(result.watts).mean;
  for (double& watts : result.watts) watts += besides;
  result.down += besides;
  return result;
}

}  // namespace lockstep
