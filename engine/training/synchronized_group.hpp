#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lockstep {

/// What a tensor-parallel group of `chips` pays for waiting on its slowest operation at every
/// synchronization, in units of its slowest chip's mean time. Operation factors are independent
/// lognormals of mean 1 and `sigma`; the chips beside the slowest count at their mean time, q of
/// the slowest's, so that the largest factor has the distribution function F(x) F(x / q)^(chips-1).
///
/// A chip's step factor is the average of its operations'. To first order a step's average of the
/// largest follows the step factors by their shares: the chance that a chip is the slowest of an
/// operation. A residual, independent of them (for normals, Basu), makes up its variance; it is
/// lognormal, as the average is never negative and as skewed as few synchronizations leave it.
///
/// Tabulated at construction over log q, 129 points on [-10 sigma, 0] (cost: 1,700 evaluations of
/// the normal distribution, below a millisecond), linear between: never below, and less than
/// 4e-4 sigma above, for sigma up to 0.1. Below q = exp(-10 sigma) the slowest chip is alone.
class SynchronizationCost {
 public:
  /// Nothing: one chip, or no jitter.
  SynchronizationCost() = default;
  /// Over `synchronizations` a step.
  SynchronizationCost(std::int64_t chips, double sigma, double synchronizations);

  bool is_nothing() const { return table_.empty(); }

  struct Value {
    /// E[largest factor] - 1; 0 where the slowest chip is alone.
    double excess = 0;
    /// Share of the operations in which the slowest chip is the slowest: from 1 / chips at q = 1 to
    /// 1 where it is alone. The others have the rest in equal parts.
    double share = 1;
    /// sigma of the lognormal of mean 1 that multiplies a step's average of the largest, beside
    /// what the step factors carry: Var(one) (sum of squared shares). 0 where the slowest chip is
    /// alone: its own step factor says it all.
    double residual = 0;
  };
  Value at(double q) const;

  /// The table itself, and where q is in it: past `point`, a part of the way to the next.
  std::span<const Value> table() const { return table_; }
  struct Place {
    std::size_t point = 0;
    double past = 0;
  };
  Place place(double q) const;

 private:
  double points_per_log_ = 0;
  std::vector<Value> table_;  // by -log q
};

}  // namespace lockstep
