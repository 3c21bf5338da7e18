#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// What is sampled of each design point.
struct SamplingSettings {
  std::uint64_t seed = 0;
  std::int64_t trials = 0;      ///< in all, or the least where until_text holds a rule
  std::int64_t max_trials = 0;  ///< the most under that rule
  std::int64_t block_trials = 0;
  std::int64_t steps = 0, warmup_steps = 0;
  std::string until_text;  ///< a stopping rule as written, or "none"
  bool operator==(const SamplingSettings&) const = default;
};

std::span<const Parameter> sampling_parameters();
SamplingSettings sampling_from(const Values& values);

}  // namespace lockstep
