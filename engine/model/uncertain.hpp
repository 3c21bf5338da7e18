#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// A real parameter that is known only as a distribution: one draw a trial.
struct UncertainInput {
  std::string key;
  std::uint64_t identity = 0;  ///< of its draws: the row's permanent number and the section's name
};

/// The uncertain inputs among `values`, by key. Rows are all known parameters.
std::vector<UncertainInput> uncertain_inputs(const Values& values, std::span<const Parameter> rows);

/// `values` with every uncertain input replaced by its quantile at one uniform of
/// (seed, parameter, trial), so that design points stay paired. Draws: one an input.
Values draw_inputs(const Values& values, std::span<const UncertainInput> inputs, std::uint64_t seed,
                   std::uint32_t trial);

}  // namespace lockstep
