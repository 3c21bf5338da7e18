#include "engine/model/trial_chips.hpp"

#include <algorithm>

#include "engine/model/step_kernels.hpp"

namespace lockstep {
namespace {

std::uint64_t entity(const Layout& layout, std::size_t chip) {
  return (static_cast<std::uint64_t>(layout.entity_high[chip]) << 32) | layout.entity_low[chip];
}

/// 1, or with chance `fraction` a draw of `factor` (at least 1).
double rare_factor(const Stream& stream, std::uint64_t who, std::uint32_t draw, double fraction,
                   const Distribution& factor) {
  const auto [hit, size] = stream.uniform_pair(who, draw);
  return hit < fraction ? std::max(1.0, factor.sample(size)) : 1.0;
}

}  // namespace

TrialChips draw_chips(const DesignPoint& point, std::uint32_t trial) {
  const Layout& layout = point.layout();
  const Noise& noise = point.scenario().noise;
  const std::uint64_t seed = point.scenario().seed;
  const auto chips = static_cast<std::size_t>(layout.chips());
  TrialChips result;
  result.compute = point.work().chip_time;

  if (const double spread = point.scenario().fleet.chip_spread; spread > 0) {
    std::vector<double> speed(chips);
    step_kernels().lognormal_factors(
        {seed, Purpose::chip_speed, trial},
        {layout.entity_low.data(), layout.entity_high.data(), layout.chips()}, 0, spread,
        speed.data());
    for (std::size_t i = 0; i < chips; ++i) result.compute[i] /= speed[i];
  }
  if (noise.straggler_fraction > 0) {
    const Stream stream{seed, Purpose::straggler, trial};
    for (std::size_t i = 0; i < chips; ++i)
      result.compute[i] *= rare_factor(stream, entity(layout, i), 0, noise.straggler_fraction,
                                       noise.straggler_slowdown);
  }
  if (noise.slow_link_fraction > 0) {
    const Stream stream{seed, Purpose::slow_link, trial};
    const int links = point.collective().links_per_chip();
    result.link_factor.reserve(static_cast<std::size_t>(links) * chips);
    for (int link = 0; link < links; ++link)
      for (std::size_t i = 0; i < chips; ++i)
        result.link_factor.push_back(rare_factor(stream, entity(layout, i),
                                                 static_cast<std::uint32_t>(link),
                                                 noise.slow_link_fraction, noise.slow_link_factor));
  }

  find_slowest(point, result);
  return result;
}

void find_slowest(const DesignPoint& point, TrialChips& chips) {
  const Layout& layout = point.layout();
  const SynchronizationCost& cost = point.synchronization();
  const auto groups = static_cast<std::size_t>(layout.pipeline * layout.replicas);
  chips.slowest.assign(groups, 0);
  std::vector<double> sum(cost.is_nothing() ? 0 : groups, 0.0);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const auto stage = static_cast<std::size_t>(g / layout.tensor * layout.replicas);
    const double* time = chips.compute.data() + layout.at(g, 0);
    for (std::size_t r = 0; r < static_cast<std::size_t>(layout.replicas); ++r) {
      chips.slowest[stage + r] = std::max(chips.slowest[stage + r], time[r]);
      if (!sum.empty()) sum[stage + r] += time[r];
    }
  }
  chips.excess.clear();
  chips.residual.clear();
  const double others = static_cast<double>(layout.tensor - 1);
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double slowest = chips.slowest[i];
    const double q = slowest > 0 ? (sum[i] - slowest) / (others * slowest) : 1;
    chips.excess.push_back(cost.mean_excess(q));
    chips.residual.push_back(cost.residual(q));
  }
}

}  // namespace lockstep
