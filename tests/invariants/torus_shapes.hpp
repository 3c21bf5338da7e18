#pragma once

#include "topologies/wiring/torus_shape.hpp"

namespace lockstep::test {

/// The most cubic torus, or that given as "XxYxZ", with the most cubic box.
inline TorusShape torus_shape(std::string_view given, std::int64_t chips,
                              std::int64_t model_parallel, std::int64_t unit = torus_cube_side) {
  TorusShape shape;
  shape.chips = given == "auto" ? most_cubic_torus(chips, model_parallel, unit)
                                : read_sides("topology.shape", given);
  fill_box(most_cubic_box_dividing(shape.chips, model_parallel).value(), model_parallel, shape);
  return shape;
}

}  // namespace lockstep::test
