#include "engine/power/meter/power_trace.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace lockstep {

void PowerTrace::reach(double time) {
  const double bins = time * per_second_ + 4;
  if (!(bins <= most_bins))
    throw std::range_error(
        fmt::format("the recorded steps of a trial take {:.4g} times power.resolution (more than "
                    "{:.0f} values) "
                    "take a coarser one, or fewer sampling.steps",
                    bins, most_bins));
  for (auto* differences : {&differences_, &bends_})
    if (static_cast<double>(differences->size()) < bins)
      differences->resize(static_cast<std::size_t>(bins), 0.0);
}

std::vector<double> PowerTrace::bins(std::size_t count) const {
  std::vector<double> all(count, 0.0);
  double power = 0, slope = 0;
  for (std::size_t b = 0; b < count; ++b) {
    if (b < differences_.size()) {
      slope += bends_[b];
      power += differences_[b] + slope;
    }
    all[b] = power;
  }
  return all;
}

std::size_t PowerTrace::bins_until(double time) const {
  // A time that is a whole number of bins but for rounding is one.
  return static_cast<std::size_t>(std::max(0.0, time * per_second_ * (1 + 1e-12)));
}

std::vector<double> sum_of(std::span<const std::vector<double>> traces) {
  std::vector<double> sum = traces.front();
  for (const std::vector<double>& trace : traces.subspan(1)) {
    sum.resize(std::min(sum.size(), trace.size()));
    for (std::size_t b = 0; b < sum.size(); ++b) sum[b] += trace[b];
  }
  return sum;
}

}  // namespace lockstep
