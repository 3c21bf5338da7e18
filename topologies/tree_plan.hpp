#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/model/collective.hpp"
#include "topologies/tree_shape.hpp"

namespace lockstep {

/// Groups that share a structure and go through the kernels side by side.
struct LaneRun {
  std::vector<std::int64_t> groups;  ///< one per lane; a short run repeats its last group
  std::int64_t used = 0;             ///< lanes that are groups of their own
  std::vector<Tree> trees;           ///< (channels, 2)
};

/// Hop costs of one tree of one run: the hop between a rank and its parent.
struct TreeHops {
  std::vector<double> latency, gap;  ///< (ranks, lanes) [s]
  std::vector<double> pipeline_gap;  ///< gap times (chunks - 1): from a first chunk to the last
  std::vector<Tier> tier;            ///< (ranks, lanes)
};

/// Everything a double tree all-reduce is before any noise: structure, protocol, chunks, hops.
struct TreePlan {
  std::int64_t ranks = 0, groups = 0, lanes = 1, channels = 1, chunks = 1;
  std::int32_t depth = 0;
  double bytes = 0, base_latency = 0, scalar_time = 0;
  std::string protocol;
  std::vector<LaneRun> runs;   ///< none crosses a multiple of `lanes`
  std::vector<TreeHops> hops;  ///< (runs, channels, 2), without slow links, latency alone

  double chunk_bytes(std::int64_t in_chunks) const {
    return bytes / static_cast<double>(2 * channels * in_chunks);
  }
  std::int64_t messages() const { return channels * 4 * chunks * ranks; }
  /// First row of messages of a phase (0 up, 1 down) of a tree; a row is one chunk's.
  std::int64_t first_row(std::int64_t channel, std::int64_t phase, std::size_t tree) const {
    return ((channel * 2 + phase) * 2 + static_cast<std::int64_t>(tree)) * chunks;
  }
  std::size_t chip(std::int64_t group, std::int32_t rank) const {
    return static_cast<std::size_t>(group * ranks + rank);
  }
  std::size_t cell(std::int32_t rank, std::int64_t lane) const {
    return static_cast<std::size_t>(rank * lanes + lane);
  }
  /// Hops under a trial's slow links; latency now includes serialization, and pipeline_gap is set.
  std::vector<TreeHops> slowed_hops(const LinkState& links) const;
};

/// Lays the trees out and chooses what the study left open: the protocol and the number of chunks
/// of least noise-free time.
TreePlan make_tree_plan(const CollectiveRequest& request);

}  // namespace lockstep
