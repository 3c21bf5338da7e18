#include "engine/training/trial/group_steps.hpp"

#include <algorithm>
#include <array>

#include "engine/base/elementary.hpp"
#include "engine/base/parallel_for.hpp"
#include "engine/noise/rare_entities.hpp"
#include "engine/training/step_kernels.hpp"

namespace lockstep {
namespace {

constexpr double least_normal = 6.34;  // what a standard normal is drawn below of, either side

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
  std::size_t first = 0;
  for (const auto& generation : point.identities().generations()) {
    const std::size_t end = first + generation.group.size();
    for (std::size_t tile = first; tile < end; tile += normal_tile)
      tiles_.push_back({generations_.size(), tile,
                        static_cast<std::int64_t>(std::min<std::size_t>(normal_tile, end - tile)),
                        0, 0, 0});
    generations_.push_back({generation.identity, first, end});
    first = end;
  }
  for (auto* array : {&base_, &scale_, &bend_, &beyond_, &mean_, &variance_}) array->resize(first);
  for (auto* array : {&own_, &slope_, &spread_})
    array->resize(first * static_cast<std::size_t>(point.layout().coupled));
  place_.resize(first);
  z_.resize(first);
  drawn_in_.resize(first);
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
  busy_.assign(point_.scenario().fleet.generations.size(), 0);
  chip_by_chip_.clear();
  for (std::size_t g = 0; g < generations_.size(); ++g) {
    Generation& generation = generations_[g];
    generation.own = generation.mean = generation.variance = 0;
    const std::vector<std::int32_t>& places = point_.identities().generations()[g].group;
    for (std::size_t i = generation.first; i < generation.end; ++i)
      set_law(all, g, i, places[i - generation.first]);
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
  base_[index] = scale_[index] = bend_[index] = mean_[index] = variance_[index] = 0;
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
    const double jitter = point_.scenario().noise.step_jitter;
    chip_by_chip_.push_back(
        {place, index, slowest * (1 + law.excess + flag_edge * jitter),
         slowest * elementary::exp(-least_normal * jitter - 0.5 * jitter * jitter)});
    return;
  }
  place_[index] = place;
  base_[index] = slowest * (1 + law.excess);
  scale_[index] = slowest * law.scale;
  bend_[index] = law.bend;
  Generation& sums = generations_[generation];
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
    sums.own += own_[at + c];
    sums.variance += spread_[at + c];
  }
  mean_[index] = slopes * slowest * law.unflagged_mean;
  variance_[index] = slopes * slopes * slowest * slowest * law.unflagged_variance;
  sums.mean += mean_[index];
  sums.variance += variance_[index];
}

GroupSteps::Range GroupSteps::range() const {
  const Layout& layout = point_.layout();
  const auto coupled = static_cast<std::size_t>(layout.coupled);
  Range range;
  range.most.resize(static_cast<std::size_t>(layout.pipeline * layout.replicas));
  range.least.resize(range.most.size());
  const auto set = [&](std::int32_t place, double most, double least) {
    std::fill_n(range.most.begin() + place, coupled, most);
    std::fill_n(range.least.begin() + place, coupled, least);
  };
  // Beyond what rounding to floats makes of the edge.
  const std::vector<float> edge(place_.size(), static_cast<float>(flag_edge + 1e-5));
  std::vector<double> most(place_.size(), 0.0);
  if (random_)
    step_kernels().shifted_lognormals({scale_.data(), bend_.data()}, edge.data(),
                                      static_cast<std::int64_t>(most.size()), most.data());
  for (std::size_t i = 0; i < place_.size(); ++i)
    if (place_[i] >= 0)  // e^x - 1 >= x
      set(place_[i], base_[i] + most[i],
          base_[i] - scale_[i] * bend_[i] * (least_normal + 0.5 * bend_[i]));
  for (const Alone& group : chip_by_chip_) set(group.place, group.usual, group.least);
  return range;
}

/// Numbers of groups that are not flagged, from `index` on.
void GroupSteps::draw_numbers(std::size_t generation, std::size_t index, std::int64_t count,
                              float* z) const {
  const Generation& all = generations_[generation];
  constexpr auto tail = static_cast<float>(flagged_share);
  step_kernels().normals({point_.scenario().seed, purpose::group_jitter, trial_},
                         {all.identity, static_cast<std::uint32_t>(index - all.first), count},
                         step_, {tail, 1 - tail}, z);
}

void GroupSteps::find_flagged() {
  flagged_.clear();
  if (!random_) return;
  const Stream stream{point_.scenario().seed, purpose::group_flag, trial_};
  for (const Generation& all : generations_)
    for (std::uint32_t number :
         rare_entities(stream, all.identity, step_, static_cast<std::uint32_t>(all.end - all.first),
                       flagged_share)) {
      const std::size_t index = all.first + number;
      step_kernels().normals({point_.scenario().seed, purpose::group_jitter, trial_},
                             {all.identity, number, 1}, step_,
                             {0, static_cast<float>(flagged_share)}, &z_[index]);
      drawn_in_[index] = draws_;
      flagged_.push_back(static_cast<std::uint32_t>(index));
    }
}

/// Draws those among groups that are not drawn yet, and writes their times.
void GroupSteps::draw_groups(std::size_t generation, std::size_t index, std::int64_t count,
                             double* stage_time) {
  const auto coupled = static_cast<std::size_t>(point_.layout().coupled);
  const std::size_t end = index + static_cast<std::size_t>(count);
  if (random_) {
    std::array<float, normal_tile> z;
    draw_numbers(generation, index, count, z.data());
    for (std::size_t i = index; i < end; ++i)
      if (drawn_in_[i] != draws_) z_[i] = z[i - index];
    step_kernels().shifted_lognormals({scale_.data() + index, bend_.data() + index},
                                      z_.data() + index, count, beyond_.data() + index);
  }
  for (std::size_t i = index; i < end; ++i) {
    drawn_in_[i] = draws_;
    if (place_[i] >= 0) std::fill_n(stage_time + place_[i], coupled, base_[i] + beyond_[i]);
  }
}

void GroupSteps::draw_tiles(bool small_alone, const Execution& how, double* stage_time) {
  parallel_for(how, static_cast<std::int64_t>(tiles_.size()), [&](std::int64_t t) {
    const Tile& tile = tiles_[static_cast<std::size_t>(t)];
    if (!small_alone || generations_[tile.generation].is_small())
      draw_groups(tile.generation, tile.first, tile.count, stage_time);
  });
}

void GroupSteps::ask_all(const Execution& how, std::vector<double>& stage_time) {
  draw_tiles(false, how, stage_time.data());
}

void GroupSteps::ask(std::int64_t replica, std::vector<double>& stage_time) {
  const Layout& layout = point_.layout();
  const std::int64_t first = replica / layout.coupled * layout.coupled;
  std::size_t from = 0, end = 0;  // consecutive numbers
  const auto draw_those = [&] {
    if (from == end) return;
    const auto generation =
        std::ranges::upper_bound(generations_, from, {}, &Generation::first) - 1;
    draw_groups(static_cast<std::size_t>(generation - generations_.begin()), from,
                static_cast<std::int64_t>(end - from), stage_time.data());
  };
  for (std::int64_t stage = 0; stage < layout.pipeline; ++stage) {
    const std::size_t index = point_.identities().group_at(stage, first);
    if (drawn_in_[index] == draws_) continue;
    const bool follows =
        index == end && end - from < normal_tile &&
        std::ranges::none_of(generations_, [&](const Generation& g) { return g.first == index; });
    if (!follows) {
      draw_those();
      from = index;
    }
    end = index + 1;
  }
  draw_those();
}

/// One group at a time.
void GroupSteps::draw_flagged(double* stage_time) {
  const auto coupled = static_cast<std::size_t>(point_.layout().coupled);
  for (std::uint32_t i : flagged_) {
    step_kernels().shifted_lognormals({&scale_[i], &bend_[i]}, &z_[i], 1, &beyond_[i]);
    if (place_[i] < 0) continue;
    std::fill_n(stage_time + place_[i], coupled, base_[i] + beyond_[i]);
    drawn_.push_back(place_[i]);
  }
}

void GroupSteps::draw(std::uint32_t step, std::span<const double> compute,
                      std::span<const double> weight, Asked asked, const Execution& how,
                      std::vector<double>& stage_time) {
  const Layout& layout = point_.layout();
  step_ = step;
  ++draws_;
  stage_time.resize(static_cast<std::size_t>(layout.pipeline * layout.replicas));
  drawn_.clear();
  find_flagged();
  draw_flagged(stage_time.data());
  draw_tiles(asked == Asked::some, how, stage_time.data());
  for (const Generation& all : generations_)
    for (std::size_t i = all.first; asked == Asked::some && all.is_small() && i < all.end; ++i)
      if (place_[i] >= 0) drawn_.push_back(place_[i]);

  const std::int64_t alone =
      static_cast<std::int64_t>(chip_by_chip_.size()) * layout.tensor * layout.coupled;
  factors_.begin(step, asked == Asked::all_chips || 8 * alone > layout.chips(), how);
  busy_.assign(busy_.size(), 0.0);
  add_alone(compute, weight, how, stage_time);
  add_groups(weight, how);
}

/// Chip-seconds of the groups with a law.
void GroupSteps::add_groups(std::span<const double> weight, const Execution& how) {
  const auto coupled = static_cast<std::size_t>(point_.layout().coupled);
  const auto replicas = static_cast<std::size_t>(point_.layout().replicas);
  const auto one_by_one = [&](const Generation& all) { return all.is_small() || !weight.empty(); };
  parallel_for(how, static_cast<std::int64_t>(tiles_.size()), [&](std::int64_t t) {
    Tile& tile = tiles_[static_cast<std::size_t>(t)];
    tile.sum = tile.own = tile.spread = 0;
    if (!one_by_one(generations_[tile.generation])) return;
    for (std::size_t i = tile.first; i < tile.first + static_cast<std::size_t>(tile.count); ++i) {
      if (place_[i] < 0) continue;
      for (std::size_t c = 0; c < coupled; ++c) {
        const std::size_t part = i * coupled + c;
        const double w = weight_of(weight, (static_cast<std::size_t>(place_[i]) + c) % replicas);
        tile.sum += w * slope_[part] * beyond_[i];
        tile.own += w * own_[part];
        tile.spread += w * w * spread_[part];
      }
    }
  });
  std::vector<double> spread(generations_.size(), 0.0);
  for (const Tile& tile : tiles_) {
    busy_[tile.generation] += tile.sum + tile.own;
    spread[tile.generation] += tile.spread;
  }
  for (std::size_t g = 0; g < generations_.size(); ++g) {
    const Generation& all = generations_[g];
    if (one_by_one(all)) continue;
    busy_[g] += all.own + all.mean;
    spread[g] = all.variance;
  }
  for (std::uint32_t i : flagged_) {
    const auto g =
        static_cast<std::size_t>(std::ranges::upper_bound(generations_, i, {}, &Generation::first) -
                                 1 - generations_.begin());
    if (place_[i] < 0 || one_by_one(generations_[g])) continue;
    for (std::size_t c = 0; c < coupled; ++c) busy_[g] += slope_[i * coupled + c] * beyond_[i];
    busy_[g] -= mean_[i];
    spread[g] -= variance_[i];
  }
  const Stream stream{point_.scenario().seed, purpose::busy_time, trial_};
  for (std::size_t g = 0; g < generations_.size(); ++g) {
    if (!(spread[g] > 0)) continue;
    const double u =
        stream.uniform(static_cast<std::uint64_t>(generations_[g].identity) << 32, step_);
    busy_[g] += elementary::sqrt(spread[g]) * elementary::normal_quantile(u);
  }
}

}  // namespace lockstep
