#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/base/random.hpp"
#include "engine/training/design_point.hpp"
#include "engine/training/trial/step_factors.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose group_jitter{25};
inline constexpr Purpose busy_time{26};
inline constexpr Purpose group_flag{27};
}  // namespace purpose

/// What the tensor groups of a trial compute in its steps.
///
/// A group ends no sooner than its slowest chip: it takes the longest of its chips' own computes
/// (lasting time x step factor) or, where operations jitter and that is longer,
///   slowest lasting time x (mean of the step factors, by share - 1 + (1 + excess) x residual)
/// with the three of SynchronizationCost. The two are not added up: too short where step_jitter
/// comes near operation_jitter, and too long with fewer than four synchronizations a step.
///
/// A group that has a GroupLaw takes one number a step, and none of its chips is asked. All others
/// (chips of several generations, two slowest alike, operations that hardly jitter) are computed
/// chip by chip.
///
/// The upper tail of a group's number is p0 u in the steps that flag it, p0 + (1 - p0) u in the
/// others, with p0 = flagged_share and u its own uniform number; who is flagged is found by gaps
/// (rare_entities). So nobody but the flagged is later than `most`, and who else can matter may be
/// asked alone: the numbers are the same as where all are.
///
/// Chip-seconds: given what a group with a law takes, those of its chips have a mean, linear in it,
/// and a variance, both exact; the sum over a generation's groups is taken as normal, one number a
/// step. With `few_groups` or more in a generation those that are not flagged count there by the
/// mean and variance of what they take, whether they are asked or not: their sum no longer follows
/// the very times of those of them that were the slowest, which are 1 / few_groups of its variance
/// at most. The shares of replicas coupled with each other count as independent of each other
/// beside that where noise.imbalance weighs them differently.
class GroupSteps {
 public:
  static constexpr std::size_t few_groups = 1024;

  /// The point must outlive it.
  GroupSteps(const DesignPoint& point, std::uint32_t trial);
  /// The chips from now on: compute (groups, replicas) [s]. Cost: some 4 ns a chip.
  void begin(std::span<const double> compute);

  /// What groups take at most in a step that does not flag them, and at least in any, (pipeline,
  /// replicas) [s]. Of groups chip by chip `most` is a time like it that nothing bounds.
  struct Range {
    std::vector<double> most, least;
  };
  Range range() const;

  enum class Asked {
    some,      ///< the flagged, those of small generations, chip by chip; others by ask()
    all,       ///< every group
    all_chips  ///< chips() may follow
  };
  /// Goes to a step and writes what all microbatches take on a stage, (pipeline, replicas) [s], of
  /// those asked. `compute` as begin() had it; `weight` (replicas), or empty, multiplies what is
  /// busy, not the times, and wants all groups asked.
  void draw(std::uint32_t step, std::span<const double> compute, std::span<const double> weight,
            Asked asked, const Execution& how, std::vector<double>& stage_time);
  /// Where draw() wrote in a step that asks for some, of each group its first replica.
  const std::vector<std::int32_t>& drawn() const { return drawn_; }
  /// Writes the times of a replica's groups, and of those coupled with it.
  void ask(std::int64_t replica, std::vector<double>& stage_time);
  /// The same of all replicas, which costs less than one by one.
  void ask_all(const Execution& how, std::vector<double>& stage_time);
  /// What the chips of each generation computed in the step (generations) [chip s].
  const std::vector<double>& busy() const { return busy_; }

  /// The same of every chip, written to busy (groups, replicas) [s]. A group with a law has its
  /// chips drawn apart and moved, each by its regression on what the group takes, to the time that
  /// the group has; then all of a generation, by theirs on the sum, to busy(). Were all normal,
  /// this would be their law given both. Chips that compute alone have their group's time.
  void chips(std::span<const double> compute, std::span<const double> weight,
             std::span<double> busy) const;

 private:
  struct Scan;
  Scan scan(std::span<const double> compute) const;
  void set_law(const Scan& scan, std::size_t generation, std::size_t index, std::int32_t place);
  void find_flagged();
  void draw_numbers(std::size_t generation, std::size_t index, std::int64_t count, float* z) const;
  void draw_groups(std::size_t generation, std::size_t index, std::int64_t count,
                   double* stage_time);
  void draw_tiles(bool small_alone, const Execution& how, double* stage_time);
  void draw_flagged(double* stage_time);
  void add_alone(std::span<const double> compute, std::span<const double> weight,
                 const Execution& how, std::vector<double>& stage_time);
  void add_groups(std::span<const double> weight, const Execution& how);
  /// The chips of one group, and their step factors less 1.
  struct Members {
    std::vector<std::int32_t> positions;
    std::vector<float> less_one;
  };
  void ask(std::int32_t place, Members& members) const;
  double chip_by_chip(std::size_t group, std::span<const double> compute,
                      std::span<const double> weight, Members& members, double* busy) const;
  void move_to_group(std::size_t index, std::span<const double> compute,
                     std::span<const double> weight, Members& members, std::span<double> busy,
                     std::vector<double>& with_sum, std::span<double> of_generation) const;

  const DesignPoint& point_;
  std::uint32_t trial_, step_ = 0;
  double of_one_;  // variance of a step factor
  bool random_;
  StepFactors factors_;

  /// Groups of one generation, in the order of their numbers.
  struct Generation {
    std::uint32_t identity;
    std::size_t first, end;  // of its numbers in the arrays below
    bool is_small() const { return end - first < few_groups; }
    double own = 0, mean = 0, variance = 0;  // sums: without noise, and by the law if not flagged
  };
  std::vector<Generation> generations_;
  /// A stretch of them.
  struct Tile {
    std::size_t generation, first;
    std::int64_t count;
    double sum, own, spread;
  };
  std::vector<Tile> tiles_;
  std::vector<std::int32_t> place_;  // as ChipIdentities has it; -1 where none with a law is
  std::vector<double> base_, scale_, bend_;  // [s], [s], 1
  std::vector<float> z_;
  std::vector<double> beyond_;  // base_, in the step [s]
  // (groups, coupled): what is busy without noise [s], how it follows beyond_, and its own
  // variance.
  std::vector<double> own_, slope_, spread_;
  std::vector<double> mean_, variance_;  // of what all follow of beyond_ where it is not flagged
  struct Alone {
    std::int32_t place;
    std::size_t index;
    double usual, least;  // [s]
  };
  std::vector<Alone> chip_by_chip_;
  std::vector<std::uint32_t> flagged_;  // numbers (ChipIdentities::group_at)
  std::vector<std::int32_t> drawn_;
  std::uint32_t draws_ = 0;              // calls of draw()
  std::vector<std::uint32_t> drawn_in_;  // the call that a group was asked in last
  std::vector<double> busy_;
};

}  // namespace lockstep
