#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/job/pipeline/pipeline_shape.hpp"

namespace lockstep {

/// Parts of a chunk's work on a microbatch. `backward` is both of the others that go back.
enum class PassPart : std::int32_t { forward, backward, input_gradients, weight_gradients };

struct Pass {
  PassPart part;
  std::int32_t chunk, microbatch;
  bool joined = false;  ///< runs as one with the next: both inputs first, both outputs at the end
};

/// What stage `stage` does, in its order. In dual a chunk's microbatches are numbered by
/// themselves: chunk 0's came in at the first stage, chunk 1's at the last.
std::vector<Pass> stage_passes(const PipelineShape& shape, std::span<const std::int64_t> groups,
                               std::int64_t stage);

}  // namespace lockstep
