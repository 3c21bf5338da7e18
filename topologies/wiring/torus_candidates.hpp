#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "topologies/wiring/torus_mapping.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// How the tori of a kind are wired.
struct TorusWiring {
  std::int64_t unit = 1;              ///< side of the cubes that shapes are made of
  bool optical = false;               ///< switches close the rings of whole cubes
  bool repatched = false;             ///< and replace slow cables between them
  bool twisted = false;               ///< and twist the torus
  std::optional<Sides> machine = {};  ///< else: a side has a ring where it is the machine's
  /// Shapes there are, smallest first, of an optical torus those of less than a cube; none: any.
  std::span<const Sides> legal = {};
  std::int64_t largest = 0;  ///< chips of the largest torus, where slices are open; 0: any

  /// Sets rings and cables of a shape: on a twisted torus rings run along the long sides alone.
  /// Throws InputError where it is no part of the machine.
  void connect(TorusShape& shape) const;
  bool is_legal(Sides sides) const;
  std::string legal_text() const;
};

/// What a study leaves open of a torus and what it says.
struct TorusQuestion {
  TorusWiring wiring;
  std::optional<Sides> chips;
  std::optional<TorusMapping> mapping;
  std::optional<std::int64_t> slices;
  std::int64_t tensor = 1, pipeline = 1;
  /// Whether to look at all orders of open sides and all ways to lay tensor ranks in a box, not
  /// one: parts of data-parallel groups lie in the order of the sides.
  bool all_ways = false;
};

/// Shapes and mappings on no more than `chips_at_hand`. Where slices and shape are open, as few
/// slices as hold the chips, of which no fewer use as many; where slices alone are, one. Where the
/// shape is open, the largest of the legal ones, if there are such; else on an optical torus those
/// of whole cubes (single chips where there are fewer than one cube) that leave out no more than 3
/// % of the chips that the most cubic one uses, or, of a mapping that is given, the largest; on a
/// static one the most cubic. Where the mapping is open, all boxes. With `whole` only those that
/// use all chips. Throws InputError where there is none.
std::vector<TorusShape> torus_candidates(const TorusQuestion& question, std::int64_t chips_at_hand,
                                         bool whole);

}  // namespace lockstep
