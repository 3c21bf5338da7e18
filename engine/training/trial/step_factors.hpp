#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// The step factors of chips less 1, lognormal of mean 1, sigma = noise.step_jitter. Some asked or
/// all drawn, the numbers are the same. The point must outlive it.
class StepFactors {
 public:
  StepFactors(const DesignPoint& point, std::uint32_t trial);

  /// Goes to a step. All are drawn at once, which is cheaper from an eighth of them on, or each
  /// when it is asked.
  void begin(std::uint32_t step, bool all, const Execution& how);
  /// Of the chips at these positions of the layout.
  void at(std::span<const std::int32_t> positions, float* less_one) const;

 private:
  const DesignPoint& point_;
  Stream stream_;
  std::uint32_t step_ = 0;
  bool all_drawn_ = false;
  std::vector<float> all_;  // by position
};

}  // namespace lockstep
