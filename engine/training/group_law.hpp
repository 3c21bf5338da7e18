#pragma once

#include <cstdint>
#include <vector>

#include "engine/training/synchronized_group.hpp"

namespace lockstep {

/// Share of its steps in which a group's number comes from the upper tail of that size: a group is
/// flagged then. `flag_edge` is where the tail begins.
inline constexpr double flagged_share = 0x1p-10, flag_edge = 3.097269078198785;

/// The law of what a tensor group takes in a step, in units of its slowest chip's lasting time, as
/// a function of one standard normal z:
///   1 + excess + scale (exp(bend z - bend^2 / 2) - 1),
/// a shifted lognormal with the mean, variance and third moment of
///   (sum of share_i J_i) - 1 + (1 + excess) W,
/// J_i the step factors of its chips, W the residual of SynchronizationCost. Exact where only one
/// of these is random, as for a chip alone; else its fourth cumulant is off by less than 1e-4, so
/// that quantiles are by less than 1e-4 |z^3 - 3 z| / 24 standard deviations (Cornish and Fisher
/// 1938).
///
/// A group takes its chips' own computes where these are longer: no function of one number. The law
/// holds for groups that this delays by less than 1e-4 of a standard deviation in the mean; for
/// what others see, `second_most`.
///
/// Tabulated in q like SynchronizationCost, whose excess it has; linear between.
class GroupLaw {
 public:
  /// No law: no group has it.
  GroupLaw() = default;
  /// `cost` of a group of so many chips.
  GroupLaw(const SynchronizationCost& cost, std::int64_t chips, double step_jitter);

  struct Value {
    double excess = 0, scale = 0, bend = 0;
    double share = 1;     ///< of the slowest chip
    double variance = 0;  ///< of the whole
    /// Of what is beyond 1 + excess, in a step that does not flag the group.
    double unflagged_mean = 0, unflagged_variance = 0;
    double second_most = -1;  ///< the slowest chip but one must take no more, over the slowest
  };
  /// q as SynchronizationCost has it.
  Value at(double q) const;

 private:
  SynchronizationCost cost_;
  std::vector<Value> table_;
};

/// What tensor groups of one kind pay for waiting, and the law of their steps. Cost of making it:
/// 1 ms.
struct TensorGroups {
  struct Kind {
    std::int64_t chips = 1;
    double operation_jitter = 0, synchronizations = 1, step_jitter = 0;
    bool operator==(const Kind&) const = default;
  };
  explicit TensorGroups(const Kind& of)
      : kind(of),
        synchronization(of.chips, of.operation_jitter, of.synchronizations),
        law(synchronization, of.chips, of.step_jitter) {}

  Kind kind;
  SynchronizationCost synchronization;
  GroupLaw law;
};

}  // namespace lockstep
