#pragma once

#include <cstdint>

namespace lockstep {

/// One chunk's way up or down one tree, for `lanes` groups side by side. All arrays are
/// (ranks, lanes) [s].
struct TreeChunk {
  std::int32_t ranks = 0;
  const std::int32_t* order = nullptr;   ///< ranks but the root, children before parents
  const std::int32_t* parent = nullptr;  ///< (ranks)
  const double* latency = nullptr;       ///< of the hop to the parent, serialization included
  const double* gap = nullptr;           ///< serialization
  double* have = nullptr;                ///< when a rank holds the chunk (in, out)
  double* arrival = nullptr;             ///< of the last message on the hop (in, out)
  double* start = nullptr;               ///< up only: when the rank last sent (in, out)
  const double* send_free = nullptr;     ///< down only, may be null: earliest start on the hop
  const double* delay = nullptr;         ///< may be null: noise of this chunk's messages
};

struct TreeKernels {
  void (*up)(const TreeChunk&);
  void (*down)(const TreeChunk&);
};

/// Groups that go through a kernel side by side where a job has at least that many.
inline constexpr std::int64_t tree_lanes = 8;

const TreeKernels& tree_kernels();         ///< for tree_lanes groups
const TreeKernels& tree_kernels_single();  ///< for one

}  // namespace lockstep
