#pragma once

#include <cstdint>
#include <vector>

namespace lockstep {

/// What a tensor-parallel group of `chips` pays for waiting on its slowest operation at every
/// synchronization, in units of its slowest chip's mean time. Operation factors are independent
/// lognormals of mean 1 and `sigma`; the chips beside the slowest count at their mean time, q of
/// the slowest's, so that the largest factor has the distribution function F(x) F(x / q)^(chips-1).
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

  bool is_nothing() const { return mean_excess_.empty(); }
  /// E[largest factor] - 1; 0 where the slowest chip is alone.
  double mean_excess(double q) const { return interpolated(mean_excess_, q); }
  /// sd of the step's average of (largest - mean of the chips' step factors). With the variance of
  /// that mean, Var(one) / chips, it adds up to the variance of the largest. At q = 1 the two parts
  /// are independent for normals (Basu); below, that the slowest chip's own factor is the larger
  /// part of the largest is not followed. Grows towards sqrt(1 - 1 / chips) of one chip's sd as the
  /// slowest becomes alone: its operations are then not averaged over the group.
  double residual(double q) const { return interpolated(residual_, q); }

 private:
  double interpolated(const std::vector<double>& table, double q) const;

  double points_per_log_ = 0;
  std::vector<double> mean_excess_, residual_;  // by -log q
};

}  // namespace lockstep
