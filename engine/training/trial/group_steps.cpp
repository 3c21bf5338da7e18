#include "engine/training/trial/group_steps.hpp"

#include <algorithm>
#include <array>

#include "engine/base/elementary.hpp"
#include "engine/base/parallel_for.hpp"
#include "engine/training/step_kernels.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t alone_together = 64;  // groups chip by chip whose sums share a slot

double weight_of(std::span<const double> weight, std::size_t replica) {
  return weight.empty() ? 1.0 : weight[replica];
}

}  // namespace

/// Of each replica's part of a tensor group, (pipeline, replicas).
struct GroupSteps::Scan {
  std::vector<double> slowest, second, sum, squares;

  explicit Scan(std::size_t groups)
      : slowest(groups), second(groups), sum(groups), squares(groups) {}
};

GroupSteps::GroupSteps(const DesignPoint& point, std::uint32_t trial)
    : point_(point),
      trial_(trial),
      of_one_(elementary::expm1(point.scenario().noise.step_jitter *
                                point.scenario().noise.step_jitter)),
      random_(point.scenario().noise.step_jitter > 0 || !point.synchronization().is_nothing()),
      factors_(point, trial) {
  const auto& generations = point.identities().generations();
  std::size_t index = 0;
  for (std::size_t g = 0; g < generations.size(); ++g) {
    const auto count = static_cast<std::int64_t>(generations[g].group.size());
    for (std::int64_t first = 0; first < count; first += normal_tile) {
      const std::int64_t here = std::min<std::int64_t>(normal_tile, count - first);
      tiles_.push_back({g, static_cast<std::uint32_t>(first), here, index, 0, 0, 0});
      index += static_cast<std::size_t>(here);
    }
  }
  for (auto* array : {&base_, &scale_, &bend_, &beyond_}) array->resize(index);
  for (auto* array : {&own_, &slope_, &spread_})
    array->resize(index * static_cast<std::size_t>(point.layout().coupled));
  place_.resize(index);
  z_.resize(index);
}

GroupSteps::Scan GroupSteps::scan(std::span<const double> compute) const {
  const Layout& layout = point_.layout();
  const auto replicas = static_cast<std::size_t>(layout.replicas);
  Scan all(static_cast<std::size_t>(layout.pipeline) * replicas);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const std::size_t row = static_cast<std::size_t>(g / layout.tensor) * replicas;
    const double* const __restrict alone = compute.data() + layout.at(g, 0);
    double* const __restrict slowest = all.slowest.data() + row;
    double* const __restrict second = all.second.data() + row;
    double* const __restrict sum = all.sum.data() + row;
    double* const __restrict squares = all.squares.data() + row;
#pragma omp simd
    for (std::size_t r = 0; r < replicas; ++r) {
      const double x = alone[r], less = x < slowest[r] ? x : slowest[r];
      second[r] = less > second[r] ? less : second[r];
      slowest[r] = x > slowest[r] ? x : slowest[r];
      sum[r] += x;
      squares[r] += x * x;
    }
  }
  return all;
}

void GroupSteps::begin(std::span<const double> compute) {
  const Scan all = scan(compute);
  const std::size_t generations = point_.scenario().fleet.generations.size();
  own_sum_.assign(generations, 0);
  spread_sum_.assign(generations, 0);
  busy_.assign(generations, 0);
  chip_by_chip_.clear();
  for (const Tile& tile : tiles_) {
    const std::vector<std::int32_t>& places =
        point_.identities().generations()[tile.generation].group;
    for (std::size_t i = 0; i < static_cast<std::size_t>(tile.count); ++i)
      set_law(all, tile.generation, tile.index + i, places[tile.first + i]);
  }
  std::sort(chip_by_chip_.begin(), chip_by_chip_.end(),
            [](const Alone& a, const Alone& b) { return a.place < b.place; });
}

/// Of the group with this index in the order of numbers.
void GroupSteps::set_law(const Scan& scan, std::size_t generation, std::size_t index,
                         std::int32_t place) {
  const Layout& layout = point_.layout();
  const auto coupled = static_cast<std::size_t>(layout.coupled), at = index * coupled;
  place_[index] = -1;
  base_[index] = scale_[index] = bend_[index] = 0;
  for (auto* array : {&own_, &slope_, &spread_})
    std::fill_n(array->begin() + static_cast<std::ptrdiff_t>(at), coupled, 0.0);
  if (place < 0) return;

  const auto first = static_cast<std::size_t>(place);
  double slowest = 0, second = 0, sum = 0;
  std::size_t slow_part = 0;
  for (std::size_t c = 0; c < coupled; ++c) {
    const double part = scan.slowest[first + c];
    second = std::max({second, scan.second[first + c], std::min(slowest, part)});
    if (part > slowest) slow_part = c;
    slowest = std::max(slowest, part);
    sum += scan.sum[first + c];
  }
  const double others = static_cast<double>(layout.tensor * layout.coupled - 1);
  const double q = slowest > 0 && others > 0 ? (sum - slowest) / (others * slowest) : 1;
  const GroupLaw::Value law = point_.group_law().at(q);
  // Where several are the slowest they share what one would have, unless all are alike.
  const bool told_apart = second < slowest || q > 1 - 1e-9;
  const bool pure = point_.identities().is_pure(place / layout.replicas, place % layout.replicas);
  if (!(pure && told_apart && second <= law.second_most * slowest)) {
    chip_by_chip_.push_back({place, index});
    return;
  }
  place_[index] = place;
  base_[index] = slowest * (1 + law.excess);
  scale_[index] = slowest * law.scale;
  bend_[index] = law.bend;
  const double other_share = others > 0 ? (1 - law.share) / others : 0;
  double slopes = 0;
  for (std::size_t c = 0; c < coupled; ++c) {
    own_[at + c] = scan.sum[first + c];
    const double shared = other_share * scan.sum[first + c] +
                          (c == slow_part ? law.share - other_share : 0) * slowest;
    if (slowest > 0 && law.variance > 0)
      slope_[at + c] = of_one_ * shared / (slowest * law.variance);
    slopes += slope_[at + c];
  }
  for (std::size_t c = 0; c < coupled; ++c) {
    spread_[at + c] = others == 0 ? 0
                                  : of_one_ * scan.squares[first + c] -
                                        slope_[at + c] * slopes * slowest * slowest * law.variance;
    own_sum_[generation] += own_[at + c];
    spread_sum_[generation] += spread_[at + c];
  }
}

void GroupSteps::draw_tile(std::size_t number, std::span<const double> weight, double* stage_time) {
  Tile& tile = tiles_[number];
  const auto coupled = static_cast<std::size_t>(point_.layout().coupled);
  const auto replicas = static_cast<std::size_t>(point_.layout().replicas);
  const std::uint32_t kind = point_.identities().generations()[tile.generation].identity;
  double* const beyond = beyond_.data() + tile.index;
  if (random_) {
    step_kernels().normals({point_.scenario().seed, purpose::group_jitter, trial_},
                           {kind, tile.first, tile.count}, step_, z_.data() + tile.index);
    step_kernels().shifted_lognormals({scale_.data() + tile.index, bend_.data() + tile.index},
                                      z_.data() + tile.index, tile.count, beyond);
  }
  double sum = 0, own = 0, spread = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(tile.count); ++i) {
    const std::size_t index = tile.index + i;
    if (place_[index] < 0) continue;
    const auto place = static_cast<std::size_t>(place_[index]);
    for (std::size_t c = 0; c < coupled; ++c) {
      stage_time[place + c] = base_[index] + beyond[i];
      const double following = slope_[index * coupled + c] * beyond[i];
      if (weight.empty()) {
        sum += following;
        continue;
      }
      const double w = weight[(place + c) % replicas];
      sum += w * following;
      own += w * own_[index * coupled + c];
      spread += w * w * spread_[index * coupled + c];
    }
  }
  tile.sum = sum;
  tile.own = own;
  tile.spread = spread;
}

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
  const auto& [place, index] = chip_by_chip_[group];
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

void GroupSteps::draw(std::uint32_t step, std::span<const double> compute,
                      std::span<const double> weight, bool observed, const Execution& how,
                      std::vector<double>& stage_time) {
  const Layout& layout = point_.layout();
  const std::size_t generations = busy_.size();
  step_ = step;
  stage_time.resize(static_cast<std::size_t>(layout.pipeline * layout.replicas));
  const std::int64_t asked =
      static_cast<std::int64_t>(chip_by_chip_.size()) * layout.tensor * layout.coupled;
  factors_.begin(step, observed || 8 * asked > layout.chips(), how);
  parallel_for(how, static_cast<std::int64_t>(tiles_.size()), [&](std::int64_t tile) {
    draw_tile(static_cast<std::size_t>(tile), weight, stage_time.data());
  });
  // Sums in slots that no number of threads changes.
  const auto alone = static_cast<std::int64_t>(chip_by_chip_.size());
  const std::int64_t slots = (alone + alone_together - 1) / alone_together;
  std::vector<double> slot(static_cast<std::size_t>(slots) * generations, 0.0);
  parallel_for(how, slots, [&](std::int64_t s) {
    double* const sums = slot.data() + static_cast<std::size_t>(s) * generations;
    Members members;
    for (std::int64_t i = s * alone_together; i < std::min(alone, (s + 1) * alone_together); ++i) {
      const auto group = static_cast<std::size_t>(i);
      const double time = chip_by_chip(group, compute, weight, members, sums);
      std::fill_n(stage_time.begin() + chip_by_chip_[group].place, layout.coupled, time);
    }
  });

  std::vector<double> spread(generations, 0.0);
  busy_.assign(generations, 0.0);
  for (std::size_t i = 0; i < slot.size(); ++i) busy_[i % generations] += slot[i];
  for (const Tile& tile : tiles_) {
    busy_[tile.generation] += tile.sum + tile.own;
    spread[tile.generation] += tile.spread;
  }
  for (std::size_t g = 0; g < point_.identities().generations().size(); ++g) {
    if (weight.empty()) {
      busy_[g] += own_sum_[g];
      spread[g] = spread_sum_[g];
    }
    if (!(spread[g] > 0)) continue;
    const std::uint64_t who =
        static_cast<std::uint64_t>(point_.identities().generations()[g].identity) << 32;
    const double u = Stream{point_.scenario().seed, purpose::busy_time, trial_}.uniform(who, step);
    busy_[g] += elementary::sqrt(spread[g]) * elementary::normal_quantile(u);
  }
}

/// Writes what the chips of a group with a law compute, their covariances with the sum over its
/// generation, and adds up both, of_generation {sum, covariances}.
void GroupSteps::move_to_group(std::size_t index, std::span<const double> compute,
                               std::span<const double> weight, Members& members,
                               std::span<double> busy, std::vector<double>& with_sum,
                               std::span<double> of_generation) const {
  ask(place_[index], members);
  const auto& [positions, less_one] = members;
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
    for (std::size_t index = tile.index; index < tile.index + static_cast<std::size_t>(tile.count);
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
