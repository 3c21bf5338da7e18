#include "topologies/wiring/cube_slices.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"
#include "topologies/wiring/box_packing.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t cube_chips = torus_cube_side * torus_cube_side * torus_cube_side;

/// Cubes of a slice.
std::int64_t cubes_of(const SliceRequest& request) {
  const std::int64_t slice = request.slice_chips, below = slice / cube_chips * cube_chips;
  if (slice != below)
    throw InputError(fmt::format(
        "reliability.slice_chips = {} (slices of a torus are whole cubes of {} chips) take {}{}",
        slice, cube_chips, below > 0 ? fmt::format("{} or ", below) : "", below + cube_chips));
  return slice / cube_chips;
}

/// The machine's torus, in cubes.
BoxPacking::Sides torus_of_cubes(const SliceRequest& request) {
  const std::string& given = request.values.text("topology.shape");
  BoxPacking::Sides sides = given == "auto"
                                ? most_cubic_torus(request.machine_chips, 1, torus_cube_side)
                                : read_sides("topology.shape", given);
  if (static_cast<double>(sides[0]) * static_cast<double>(sides[1]) *
          static_cast<double>(sides[2]) >
      static_cast<double>(request.machine_chips))
    throw InputError(fmt::format(
        "topology.shape = {} (more than the {} chips at hand) take a smaller one, or auto", given,
        request.machine_chips));
  for (std::int64_t& side : sides) {
    if (side % torus_cube_side != 0)
      throw InputError(fmt::format(
          "topology.shape = {} (reliability.slice_chips cuts it into cubes of 4x4x4 chips) take "
          "multiples of 4, or auto",
          given));
    side /= torus_cube_side;
  }
  return sides;
}

/// The most cubic box of so many cubes in the torus.
BoxPacking::Sides box_of(std::int64_t cubes, const BoxPacking::Sides& torus) {
  if (const auto box = most_cubic_box(torus, cubes)) return *box;
  std::int64_t below = std::min(cubes - 1, torus[0] * torus[1] * torus[2]);
  while (!most_cubic_box(torus, below)) --below;
  throw InputError(fmt::format(
      "reliability.slice_chips = {} (no box of {} cubes fits in the torus of {} cubes) take for "
      "example {}",
      cubes * cube_chips, cubes, fmt::join(torus, "x"), below * cube_chips));
}

class Boxes final : public Slices {
 public:
  Boxes(const BoxPacking::Sides& torus, const BoxPacking::Sides& box)
      : torus_(torus), box_(box), packing_(torus, box) {}

  std::int64_t unit_chips() const override { return cube_chips; }
  std::int64_t most(std::span<const std::uint8_t> healthy) const override {
    return packing_.most(healthy);
  }
  std::string text() const override {
    return fmt::format(
        "a box of {} healthy cubes in the torus of {} cubes, {}", fmt::join(box_, "x"),
        fmt::join(torus_, "x"),
        packing_.exact() ? "as many as fit" : "each where it first fits: a lower bound");
  }

 private:
  BoxPacking::Sides torus_, box_;
  BoxPacking packing_;
};

}  // namespace

std::unique_ptr<Slices> slices_of_cubes(const SliceRequest& request) {
  return slices_of_units(cube_chips, "cubes of 4x4x4", cubes_of(request) * cube_chips);
}

std::unique_ptr<Slices> slices_of_boxes(const SliceRequest& request) {
  const std::int64_t cubes = cubes_of(request);
  const BoxPacking::Sides torus = torus_of_cubes(request);
  return std::make_unique<Boxes>(torus, box_of(cubes, torus));
}

}  // namespace lockstep
