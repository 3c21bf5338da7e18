#include "engine/training/trial/trial_chips.hpp"

#include <algorithm>
#include <numeric>

#include "engine/training/step_kernels.hpp"

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

/// Draws straggler and slow links of the chip's `occupant`-th holder.
void draw_slowness(const DesignPoint& point, std::uint32_t trial, std::size_t chip,
                   std::uint32_t occupant, TrialChips& chips) {
  const Noise& noise = point.scenario().noise;
  const std::uint64_t seed = point.scenario().seed;
  const std::uint64_t who = entity(point.layout(), chip);
  bool slow = false;
  if (noise.straggler_fraction > 0) {
    const double factor = rare_factor({seed, purpose::straggler, trial}, who, occupant,
                                      noise.straggler_fraction, noise.straggler_slowdown);
    chips.compute[chip] *= factor;
    slow = factor > 1;
  }
  if (noise.slow_link_fraction > 0) {
    const auto links = static_cast<std::uint32_t>(point.links_per_chip());
    for (std::uint32_t link = 0; link < links; ++link) {
      const double factor =
          rare_factor({seed, purpose::slow_link, trial}, who, occupant * links + link,
                      noise.slow_link_fraction, noise.slow_link_factor);
      chips.link_factor[link * chips.compute.size() + chip] = factor;
      slow |= factor > 1;
    }
  }
  if (slow) chips.stragglers.push_back(static_cast<std::int32_t>(chip));
}

/// What a tensor group waits at synchronizations, from its slowest chip and the sum over all.
void set_excess(const DesignPoint& point, std::size_t group, double sum, TrialChips& chips) {
  const SynchronizationCost& cost = point.synchronization();
  const double others = static_cast<double>(point.layout().tensor * point.layout().coupled - 1);
  const double slowest = chips.slowest[group];
  const double q = slowest > 0 ? (sum - slowest) / (others * slowest) : 1;
  chips.excess[group] = cost.mean_excess(q);
  chips.share[group] = cost.slowest_share(q);
  chips.residual[group] = cost.residual(q);
}

}  // namespace

TrialChips draw_chips(const DesignPoint& point, std::uint32_t trial) {
  const auto chips = static_cast<std::size_t>(point.layout().chips());
  TrialChips result;
  result.compute = point.work().chip_time;
  if (const double spread = point.scenario().fleet.chip_spread; spread > 0) {
    const Layout& layout = point.layout();
    std::vector<double> speed(chips);
    step_kernels().lognormal_factors(
        {point.scenario().seed, purpose::chip_speed, trial},
        {layout.entity_low.data(), layout.entity_high.data(), layout.chips()}, 0, spread,
        speed.data());
    for (std::size_t i = 0; i < chips; ++i) result.compute[i] /= speed[i];
  }
  if (point.scenario().noise.slow_link_fraction > 0)
    result.link_factor.assign(static_cast<std::size_t>(point.links_per_chip()) * chips, 1.0);
  for (std::size_t i = 0; i < chips; ++i) draw_slowness(point, trial, i, 0, result);
  find_slowest(point, result);
  return result;
}

void replace_chips(const DesignPoint& point, std::uint32_t trial,
                   std::span<const std::int32_t> positions, std::uint32_t occupant,
                   const Chip* spare, TrialChips& chips) {
  const Layout& layout = point.layout();
  const Scenario& scenario = point.scenario();
  std::vector<std::uint32_t> low, high;
  for (std::int32_t position : positions) {
    low.push_back(layout.entity_low[static_cast<std::size_t>(position)]);
    high.push_back(layout.entity_high[static_cast<std::size_t>(position)]);
  }
  std::vector<double> speed(positions.size(), 1.0);
  if (const double spread = scenario.fleet.chip_spread; spread > 0)
    step_kernels().lognormal_factors(
        {scenario.seed, purpose::chip_speed, trial},
        {low.data(), high.data(), static_cast<std::int64_t>(positions.size())}, occupant, spread,
        speed.data());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto chip = static_cast<std::size_t>(positions[i]);
    const Chip& own = scenario.fleet.generations[layout.generation[chip]].chip;
    if (spare) speed[i] *= spare->peak * spare->stack / (own.peak * own.stack);
    // A measured fleet's speed is that of the first holder.
    const double relative = layout.speed.empty() ? 1 : layout.speed[chip];
    chips.compute[chip] = point.work().chip_time[chip] * relative / speed[i];
    draw_slowness(point, trial, chip, occupant, chips);
  }
}

void find_slowest(const DesignPoint& point, TrialChips& chips) {
  const Layout& layout = point.layout();
  const auto groups = static_cast<std::size_t>(layout.pipeline * layout.replicas);
  const bool waits = !point.synchronization().is_nothing();
  chips.slowest.assign(groups, 0);
  std::vector<double> sum(waits ? groups : 0, 0.0);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const auto stage = static_cast<std::size_t>(g / layout.tensor * layout.replicas);
    const double* time = chips.compute.data() + layout.at(g, 0);
    for (std::size_t r = 0; r < static_cast<std::size_t>(layout.replicas); ++r) {
      chips.slowest[stage + r] = std::max(chips.slowest[stage + r], time[r]);
      if (waits) sum[stage + r] += time[r];
    }
  }
  const auto coupled = static_cast<std::size_t>(layout.coupled);
  for (std::size_t first = 0; coupled > 1 && first < groups; first += coupled) {
    const auto all = chips.slowest.begin() + static_cast<std::ptrdiff_t>(first);
    std::fill_n(all, coupled, *std::max_element(all, all + layout.coupled));
    if (!waits) continue;
    const auto sums = sum.begin() + static_cast<std::ptrdiff_t>(first);
    std::fill_n(sums, coupled, std::accumulate(sums, sums + layout.coupled, 0.0));
  }
  chips.excess.resize(sum.size());
  chips.share.resize(sum.size());
  chips.residual.resize(sum.size());
  for (std::size_t i = 0; i < sum.size(); ++i) set_excess(point, i, sum[i], chips);
}

void find_slowest(const DesignPoint& point, std::int64_t stage, std::int64_t replica,
                  TrialChips& chips) {
  const Layout& layout = point.layout();
  const std::int64_t first = replica / layout.coupled * layout.coupled;
  double sum = 0, slowest = 0;
  for (std::int64_t t = 0; t < layout.tensor; ++t)
    for (std::int64_t r = first; r < first + layout.coupled; ++r) {
      const auto chip = static_cast<std::size_t>(layout.at(stage * layout.tensor + t, r));
      slowest = std::max(slowest, chips.compute[chip]);
      sum += chips.compute[chip];
    }
  for (std::int64_t r = first; r < first + layout.coupled; ++r) {
    const auto group = static_cast<std::size_t>(stage * layout.replicas + r);
    chips.slowest[group] = slowest;
    if (!chips.excess.empty()) set_excess(point, group, sum, chips);
  }
}

}  // namespace lockstep
