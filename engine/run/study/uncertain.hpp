#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/parameter.hpp"
#include "engine/base/random.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose uncertain_input{9};
}  // namespace purpose

/// What is known only as a distribution, one draw a trial: a real parameter, or an uncertain part
/// of a law.
struct UncertainInput {
  std::string key;             ///< of the parameter
  std::string name;            ///< the key, and the part's behind it: "noise.spike_delay.mean"
  std::uint64_t identity = 0;  ///< of its draws: the row's permanent number and the section's name
  std::uint32_t place = 0;     ///< UncertainPart::place; 0 for a real parameter
  Distribution law;

  /// The quantile at one uniform of (seed, parameter, place, trial), so that design points stay
  /// paired. Draws: one.
  double draw(std::uint64_t seed, std::uint32_t trial) const;
};

/// The uncertain inputs among `values`, by key. Rows are all known parameters.
std::vector<UncertainInput> uncertain_inputs(const Values& values, std::span<const Parameter> rows);

/// `values` with every uncertain input replaced by its draw, a law's by the law that follows.
Values draw_inputs(const Values& values, std::span<const UncertainInput> inputs, std::uint64_t seed,
                   std::uint32_t trial);

}  // namespace lockstep
