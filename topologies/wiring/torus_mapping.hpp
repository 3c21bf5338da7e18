#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// Which sides of a torus carry which parallel dimension, as topology.mapping says it: for each of
/// three sides, "data", "model" (tensor and pipeline ranks, as fill_box lays them), "tensor" or
/// "pipeline" for the whole of it, or several that share it, with the ranks of all but one:
/// "model:4 data". The one without a number takes the rest of the side; tensor ranks are
/// neighbours, stages follow behind, and data ranks are strides apart.
class TorusMapping {
 public:
  /// Throws InputError, saying what to write, where the text is none.
  explicit TorusMapping(std::string_view text);

  /// The box on a torus of these sides; nothing where it is not legal: a side that does not come
  /// out whole, or products of ranks that are not tensor and pipeline.
  std::optional<TorusShape> box(const Sides& sides, std::int64_t tensor,
                                std::int64_t pipeline) const;
  /// The same. Throws InputError, saying what to write, where it is not legal.
  TorusShape legal_box(const Sides& sides, std::int64_t tensor, std::int64_t pipeline) const;

 private:
  enum Word : std::uint8_t { data, model, tensor_ranks, stages };
  /// Ranks along a side of each word: 0 for the rest of the side.
  using Side = std::array<std::optional<std::int64_t>, 4>;

  static Side read_side(std::string_view side, std::string_view all);

  std::string text_;
  std::array<Side, 3> sides_;
};

/// What TorusMapping reads as this box: "model, model:4 data, data".
std::string mapping_text(const TorusShape& shape, std::int64_t tensor);

}  // namespace lockstep
