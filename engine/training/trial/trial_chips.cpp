#include "engine/training/trial/trial_chips.hpp"

#include <algorithm>
#include <array>

#include "engine/noise/rare_entities.hpp"
#include "engine/training/step_kernels.hpp"

namespace lockstep {
namespace {

std::uint64_t entity(const Layout& layout, std::size_t chip) {
  return (static_cast<std::uint64_t>(layout.entity_high[chip]) << 32) | layout.entity_low[chip];
}

/// What a chip of the spread's speed takes longer than at speed 1: 1 / v - 1, of `who` in turn.
void draw_delays(const DesignPoint& point, std::uint32_t trial, const Identities& who,
                 std::uint32_t occupant, float* delay) {
  const double spread = point.scenario().fleet.chip_spread;
  step_kernels().lognormals({point.scenario().seed, purpose::chip_speed, trial}, who, occupant,
                            static_cast<float>(spread), static_cast<float>(0.5 * spread * spread),
                            delay);
}

/// Slows the first holders down, a tile at a time while it is at hand.
void draw_speeds(const DesignPoint& point, std::uint32_t trial, std::vector<double>& compute) {
  if (point.scenario().fleet.chip_spread == 0) return;
  std::array<float, normal_tile> delay;
  for (const auto& generation : point.identities().generations())
    for (std::uint32_t first = 0; first < generation.count(); first += normal_tile) {
      const std::uint32_t count = std::min(normal_tile, generation.count() - first);
      draw_delays(point, trial, {generation.identity, first, count}, 0, delay.data());
      for (std::uint32_t i = 0; i < count; ++i)
        if (const std::int32_t position = generation.position[first + i]; position >= 0)
          compute[static_cast<std::size_t>(position)] *= 1 + static_cast<double>(delay[i]);
    }
}

/// At least 1.
double slowdown(const Distribution& factor, double u) {
  return std::max(1.0, factor.sample(u));
}

/// Slows down the chips and links that are slow from the first holders on.
void draw_slow_ones(const DesignPoint& point, std::uint32_t trial, TrialChips& chips) {
  const Noise& noise = point.scenario().noise;
  const std::uint64_t seed = point.scenario().seed;
  const auto each = [&](Purpose purpose, std::uint32_t draw, double fraction,
                        const Distribution& factor, double* value) {
    const Stream stream{seed, purpose, trial};
    for (const auto& generation : point.identities().generations())
      for (std::uint32_t low :
           rare_entities(stream, generation.identity, draw, generation.count(), fraction)) {
        const std::int32_t position = generation.position[low];
        if (position < 0) continue;
        const std::uint64_t who = (static_cast<std::uint64_t>(generation.identity) << 32) | low;
        const double slow = slowdown(factor, stream.uniform_pair(who, draw)[1]);
        value[position] *= slow;
        if (slow > 1) chips.stragglers.push_back(position);
      }
  };
  each(purpose::straggler, 0, noise.straggler_fraction, noise.straggler_slowdown,
       chips.compute.data());
  if (noise.slow_link_fraction > 0) {
    const auto links = static_cast<std::uint32_t>(point.links_per_chip());
    chips.link_factor.assign(links * chips.compute.size(), 1.0);
    for (std::uint32_t link = 0; link < links; ++link)
      each(purpose::slow_link, link, noise.slow_link_fraction, noise.slow_link_factor,
           chips.link_factor.data() + link * chips.compute.size());
  }
  std::sort(chips.stragglers.begin(), chips.stragglers.end());
  chips.stragglers.erase(std::unique(chips.stragglers.begin(), chips.stragglers.end()),
                         chips.stragglers.end());
}

/// The same of a later holder, `occupant`, alone: hit where the first uniform of the block that
/// gives the size is below the fraction.
void draw_slowness(const DesignPoint& point, std::uint32_t trial, std::size_t chip,
                   std::uint32_t occupant, TrialChips& chips) {
  const Noise& noise = point.scenario().noise;
  const std::uint64_t seed = point.scenario().seed;
  const std::uint64_t who = entity(point.layout(), chip);
  bool slow = false;
  const auto factor_of = [&](Purpose purpose, std::uint32_t draw, double fraction,
                             const Distribution& factor) {
    const auto [hit, size] = Stream{seed, purpose, trial}.uniform_pair(who, draw);
    const double value = hit < fraction ? slowdown(factor, size) : 1.0;
    slow |= value > 1;
    return value;
  };
  if (noise.straggler_fraction > 0)
    chips.compute[chip] *=
        factor_of(purpose::straggler, occupant, noise.straggler_fraction, noise.straggler_slowdown);
  const auto links = static_cast<std::uint32_t>(point.links_per_chip());
  for (std::uint32_t link = 0; noise.slow_link_fraction > 0 && link < links; ++link)
    chips.link_factor[link * chips.compute.size() + chip] =
        factor_of(purpose::slow_link, occupant * links + link, noise.slow_link_fraction,
                  noise.slow_link_factor);
  if (slow) chips.stragglers.push_back(static_cast<std::int32_t>(chip));
}

}  // namespace

TrialChips draw_chips(const DesignPoint& point, std::uint32_t trial) {
  TrialChips result;
  result.compute = point.work().chip_time;
  draw_speeds(point, trial, result.compute);
  draw_slow_ones(point, trial, result);
  return result;
}

void replace_chips(const DesignPoint& point, std::uint32_t trial,
                   std::span<const std::int32_t> positions, std::uint32_t occupant,
                   const Chip* spare, TrialChips& chips) {
  const Layout& layout = point.layout();
  const Scenario& scenario = point.scenario();
  const auto entity_at = [&](std::size_t i) {
    return entity(layout, static_cast<std::size_t>(positions[i]));
  };
  std::array<float, normal_tile> delay{};
  for (std::size_t first = 0, count = 0; first < positions.size(); first += count) {
    // Neighbours share a generator, which costs more than a number of it.
    count = 1;
    while (count < normal_tile && first + count < positions.size() &&
           entity_at(first + count) == entity_at(first) + count)
      ++count;
    if (scenario.fleet.chip_spread > 0) {
      const auto chip = static_cast<std::size_t>(positions[first]);
      draw_delays(
          point, trial,
          {layout.entity_high[chip], layout.entity_low[chip], static_cast<std::int64_t>(count)},
          occupant, delay.data());
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto chip = static_cast<std::size_t>(positions[first + i]);
      const Chip& own = scenario.fleet.generations[layout.generation[chip]].chip;
      const double faster = spare ? spare->peak * spare->stack / (own.peak * own.stack) : 1;
      // A measured fleet's speed is that of the first holder.
      const double relative = layout.speed.empty() ? 1 : layout.speed[chip];
      chips.compute[chip] =
          point.work().chip_time[chip] * relative * (1 + static_cast<double>(delay[i])) / faster;
      draw_slowness(point, trial, chip, occupant, chips);
    }
  }
}

double lasting_time(const DesignPoint& point, std::int64_t stage, std::int64_t replica,
                    const TrialChips& chips) {
  const Layout& layout = point.layout();
  const std::int64_t first = replica / layout.coupled * layout.coupled;
  double sum = 0, slowest = 0;
  for (std::int64_t t = 0; t < layout.tensor; ++t)
    for (std::int64_t r = first; r < first + layout.coupled; ++r) {
      const auto chip = static_cast<std::size_t>(layout.at(stage * layout.tensor + t, r));
      slowest = std::max(slowest, chips.compute[chip]);
      sum += chips.compute[chip];
    }
  const auto others = static_cast<double>(layout.tensor * layout.coupled - 1);
  const double q = slowest > 0 && others > 0 ? (sum - slowest) / (others * slowest) : 1;
  return slowest * (1 + point.synchronization().at(q).excess);
}

}  // namespace lockstep
