#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lockstep {

using Sides = std::array<std::int64_t, 3>;

/// Side of the cubes of TPU v4 and v5p. Source: arXiv 2304.01433.
inline constexpr std::int64_t torus_cube_side = 4;

/// A torus of chips, or several alike, and the box of it that one model-parallel group fills. In
/// every dimension the tensor ranks of a stage are neighbours, stages follow behind, and boxes
/// repeat along the side: data-parallel groups are strided sub-tori.
struct TorusShape {
  Sides chips{1, 1, 1};                        ///< length of each dimension
  Sides tensor{1, 1, 1}, pipeline{1, 1, 1};    ///< what each dimension carries of the box
  std::array<bool, 3> ring{true, true, true};  ///< the last chip is joined to the first
  std::int64_t slices = 1;                     ///< tori of these sides, joined by a network
  bool repatched = false;  ///< no cable between cubes is slow: switches replace such
  bool twisted = false;    ///< a side of n closes n chips further on along each side of 2n

  Sides box() const {
    return {tensor[0] * pipeline[0], tensor[1] * pipeline[1], tensor[2] * pipeline[2]};
  }
  /// Optical switches join the cubes, also the last to the first.
  bool of_whole_cubes() const;
  std::int64_t volume() const { return slices * chips[0] * chips[1] * chips[2]; }
  /// Strided sub-torus that one data-parallel group spans in a slice.
  Sides groups() const {
    const Sides b = box();
    return {chips[0] / b[0], chips[1] / b[1], chips[2] / b[2]};
  }
};

/// Whether optical switches can twist such a torus: n x n x 2n or n x 2n x 2n in any order, of
/// whole cubes (Jouppi et al., TPU v4, section 2.8).
bool can_be_twisted(const Sides& sides);

/// Shapes smaller than a cube that jobs of TPUs get, meshes all, smallest first. Source: Google
/// Cloud TPU v4 and v5p documentation; Jouppi et al., section 2. A chip alone: part of a host.
std::span<const Sides> shapes_below_a_cube();

/// Shapes in two dimensions that jobs get, smallest first. Source: Google Cloud TPU v5e and v6e
/// documentation.
std::span<const Sides> flat_shapes();

/// "XxYxZ" of `key`. Throws InputError where it is none.
Sides read_sides(std::string_view key, std::string_view given);

/// `box` carried by tensor ranks and stages: the tensor ranks on sides of their own where some
/// sides multiply to `tensor`, the last ones first; else as much of them as fits on the last side,
/// then on the one before. tensor x pipeline chips fill the box.
void fill_box(const Sides& box, std::int64_t tensor, TorusShape& shape);

/// The most cubic box of `model_parallel` chips that divides the sides, of equal ones that which
/// leaves the most cubic sub-tori.
std::optional<Sides> most_cubic_box_dividing(const Sides& sides, std::int64_t model_parallel);

/// A torus of whole cubes of side `unit` (single chips where there are fewer than one cube) whose
/// longest side is at most twice the shortest, divided by some box of `model_parallel` chips; of
/// these the one that uses most chips, then the most cubic torus; the side ratio doubles until one
/// fits. Throws InputError where none does.
Sides most_cubic_torus(std::int64_t chips, std::int64_t model_parallel, std::int64_t unit);

}  // namespace lockstep
