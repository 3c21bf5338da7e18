#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace lockstep {

/// A torus of chips and the box of it that one model-parallel group fills.
struct TorusShape {
  std::array<std::int64_t, 3> chips{1, 1, 1};  ///< length of each dimension
  std::array<std::int64_t, 3> box{1, 1, 1};    ///< model-parallel box, dividing it

  std::int64_t volume() const { return chips[0] * chips[1] * chips[2]; }
  /// Strided sub-torus that one data-parallel group spans.
  std::array<std::int64_t, 3> groups() const {
    return {chips[0] / box[0], chips[1] / box[1], chips[2] / box[2]};
  }
};

/// Side of the cubes of TPU v4 and v5p. Source: arXiv 2304.01433.
inline constexpr std::int64_t torus_cube_side = 4;

/// The shape for `chips` chips. `given` is "auto" or "XxYxZ". Auto: tori of whole cubes of side
/// `unit` (single chips where there are fewer than one cube) whose longest side is at most twice
/// the shortest, divided by some model-parallel box; of these the one that uses most chips, then
/// the most cubic torus, then the most cubic box; the side ratio doubles until one fits.
/// Throws InputError when the given shape is malformed, larger than the fleet, or no box fits.
TorusShape torus_shape(std::string_view given, std::int64_t chips, std::int64_t model_parallel,
                       std::int64_t unit = torus_cube_side);

}  // namespace lockstep
