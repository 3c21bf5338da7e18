#include <algorithm>
#include <array>

#include "engine/base/elementary.hpp"
#include "engine/base/parallel_for.hpp"
#include "engine/training/trial/group_steps.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t alone_together = 64;  // groups chip by chip whose sums share a slot

double weight_of(std::span<const double> weight, std::size_t replica) {
  return weight.empty() ? 1.0 : weight[replica];
}

}  // namespace

void GroupSteps::ask(std::int32_t place, Members& members) const {
  const Layout& layout = point_.layout();
  const std::int64_t stage = place / layout.replicas, replica = place % layout.replicas;
  members.positions.clear();
  for (std::int64_t r = replica; r < replica + layout.coupled; ++r)
    for (std::int64_t t = 0; t < layout.tensor; ++t)
      members.positions.push_back(
          static_cast<std::int32_t>(layout.at(stage * layout.tensor + t, r)));
  members.less_one.resize(members.positions.size());
  factors_.at(members.positions, members.less_one.data());
}

/// Time of such a group; adds what its chips compute to busy (generations).
double GroupSteps::chip_by_chip(std::size_t group, std::span<const double> compute,
                                std::span<const double> weight, Members& members,
                                double* busy) const {
  const Layout& layout = point_.layout();
  const auto place = chip_by_chip_[group].place;
  const std::size_t index = chip_by_chip_[group].index;
  ask(place, members);
  const auto& [positions, less_one] = members;
  double time = 0, slowest = 0, all = 0, factors = 0, slow_factors = 0, slow = 0;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto chip = static_cast<std::size_t>(positions[i]);
    const double own = compute[chip] * (1 + static_cast<double>(less_one[i]));
    time = std::max(time, own);
    slowest = std::max(slowest, compute[chip]);
    all += compute[chip];
    busy[layout.generation[chip]] +=
        own * weight_of(weight, chip % static_cast<std::size_t>(layout.replicas));
  }
  if (point_.synchronization().is_nothing()) return time;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const bool is_slowest = compute[static_cast<std::size_t>(positions[i])] == slowest;
    factors += static_cast<double>(less_one[i]);
    slow_factors += is_slowest ? static_cast<double>(less_one[i]) : 0.0;
    slow += is_slowest ? 1 : 0;
  }
  const auto n = static_cast<double>(positions.size());
  const auto [excess, share, residual] =
      point_.synchronization().at(slowest > 0 ? (all - slowest) / ((n - 1) * slowest) : 1);
  const double other = (1 - share) / (n - 1);
  const double mean = (share * slow_factors + other * (factors - slow_factors)) /
                      (share * slow + other * (n - slow));
  const double left = elementary::exp(residual * (static_cast<double>(z_[index]) - 0.5 * residual));
  return std::max(time, slowest * (mean + (1 + excess) * left));
}

/// Times and chip-seconds of the groups chip by chip.
void GroupSteps::add_alone(std::span<const double> compute, std::span<const double> weight,
                           const Execution& how, std::vector<double>& stage_time) {
  for (const Alone& group : chip_by_chip_) {
    drawn_.push_back(group.place);
    if (drawn_in_[group.index] == draws_ || point_.synchronization().is_nothing()) continue;
    const auto of = std::ranges::upper_bound(generations_, group.index, {}, &Generation::first) - 1;
    draw_numbers(static_cast<std::size_t>(of - generations_.begin()), group.index, 1,
                 &z_[group.index]);
  }
  // Sums in slots that no number of threads changes.
  const std::size_t generations = busy_.size();
  const auto alone = static_cast<std::int64_t>(chip_by_chip_.size());
  const std::int64_t slots = (alone + alone_together - 1) / alone_together;
  std::vector<double> slot(static_cast<std::size_t>(slots) * generations, 0.0);
  parallel_for(how, slots, [&](std::int64_t s) {
    double* const sums = slot.data() + static_cast<std::size_t>(s) * generations;
    Members members;
    for (std::int64_t i = s * alone_together; i < std::min(alone, (s + 1) * alone_together); ++i) {
      const auto group = static_cast<std::size_t>(i);
      const double time = chip_by_chip(group, compute, weight, members, sums);
      std::fill_n(stage_time.begin() + chip_by_chip_[group].place, point_.layout().coupled, time);
    }
  });
  for (std::size_t i = 0; i < slot.size(); ++i) busy_[i % generations] += slot[i];
}

/// Writes what the chips of a group with a law compute, their covariances with the sum over its
/// generation, and adds up both, of_generation {sum, covariances}.
void GroupSteps::move_to_group(std::size_t index, std::span<const double> compute,
                               std::span<const double> weight, Members& members,
                               std::span<double> busy, std::vector<double>& with_sum,
                               std::span<double> of_generation) const {
  ask(place_[index], members);
  const std::vector<std::int32_t>& positions = members.positions;
  const std::vector<float>& less_one = members.less_one;
  const auto replicas = static_cast<std::size_t>(point_.layout().replicas);
  double slowest = 0, all = 0;
  std::size_t slow = 0;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const double own = compute[static_cast<std::size_t>(positions[i])];
    if (own > slowest) slow = i;
    slowest = std::max(slowest, own);
    all += own;
  }
  const double others = static_cast<double>(positions.size()) - 1;
  const GroupLaw::Value law =
      point_.group_law().at(slowest > 0 && others > 0 ? (all - slowest) / (others * slowest) : 1);
  const auto share = [&](std::size_t i) {
    return i == slow ? law.share : (1 - law.share) / others;
  };
  const auto slope = [&](std::size_t i) {
    return slowest > 0 && law.variance > 0
               ? of_one_ * compute[static_cast<std::size_t>(positions[i])] * share(i) /
                     (slowest * law.variance)
               : 0;
  };
  const auto factor_weight = [&](std::size_t i) {
    return weight_of(weight, static_cast<std::size_t>(positions[i]) % replicas);
  };
  double drawn = 0, carried = 0, weighted_slopes = 0;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    drawn += share(i) * static_cast<double>(less_one[i]);
    carried += share(i) * share(i) * of_one_;
    weighted_slopes += factor_weight(i) * slope(i);
  }
  const std::size_t first = static_cast<std::size_t>(positions.front());
  const double u = Stream{point_.scenario().seed, purpose::busy_time, trial_}.uniform_pair(
      (static_cast<std::uint64_t>(point_.layout().entity_high[first]) << 32) |
          point_.layout().entity_low[first],
      step_)[1];
  drawn += elementary::sqrt(std::max(0.0, law.variance - carried)) * elementary::normal_quantile(u);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto chip = static_cast<std::size_t>(positions[i]);
    const double w = factor_weight(i);
    busy[chip] = w * (compute[chip] * (1 + static_cast<double>(less_one[i])) +
                      slope(i) * (beyond_[index] - slowest * drawn));
    if (others > 0)
      with_sum[chip] = w * (w * of_one_ * compute[chip] * compute[chip] -
                            slope(i) * weighted_slopes * slowest * slowest * law.variance);
    of_generation[0] += busy[chip];
    of_generation[1] += with_sum[chip];
  }
}

void GroupSteps::chips(std::span<const double> compute, std::span<const double> weight,
                       std::span<double> busy) const {
  const Layout& layout = point_.layout();
  std::vector<double> with_sum(busy.size(), 0.0);
  std::vector<std::array<double, 2>> of_generation(busy_.size(), {0, 0});
  Members members;
  for (const Tile& tile : tiles_)
    for (std::size_t index = tile.first; index < tile.first + static_cast<std::size_t>(tile.count);
         ++index)
      if (place_[index] >= 0)
        move_to_group(index, compute, weight, members, busy, with_sum,
                      of_generation[tile.generation]);
  for (const Alone& group : chip_by_chip_) {
    ask(group.place, members);
    const auto& [positions, less_one] = members;
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const auto chip = static_cast<std::size_t>(positions[i]);
      busy[chip] = compute[chip] * (1 + static_cast<double>(less_one[i])) *
                   weight_of(weight, chip % static_cast<std::size_t>(layout.replicas));
      of_generation[layout.generation[chip]][0] += busy[chip];
    }
  }
  for (std::size_t i = 0; i < busy.size(); ++i) {
    const std::size_t g = layout.generation[i];
    const auto [sum, covariances] = of_generation[g];
    if (covariances > 0) busy[i] += (busy_[g] - sum) * with_sum[i] / covariances;
  }
}

}  // namespace lockstep
