#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/tree/tree_hops.hpp"
#include "topologies/algorithms/tree/tree_noise.hpp"
#include "topologies/wiring/chunks.hpp"

namespace lockstep {

/// Lanes whose two trees have the same shape: a channel's trees start each chain at another rank,
/// which only says who stands where.
struct TreeRun : LaneRun {
  std::size_t shape = 0;
  std::int64_t channels = 1;   ///< of each of its groups
  std::vector<TreeHops> hops;  ///< (2)
};

/// Everything a double tree all-reduce is before any noise: structure, protocol, chunks, hops.
struct TreePlan {
  TreeStyle style = TreeStyle::chains;
  std::int64_t ranks = 0, groups = 0, groups_per_call = 1, chunks = 1;
  std::vector<std::int64_t> channels;  ///< (groups)
  std::int32_t depth = 0;
  double bytes = 0, base_latency = 0, scalar_time = 0;
  std::string protocol;
  std::vector<std::array<Tree, 2>> shapes;
  std::vector<TreeRun> runs;  ///< none crosses a multiple of groups_per_call
  std::vector<PortUse> uses;  ///< (groups)

  double chunk_bytes(const TreeRun& run) const {
    return chunk_on_link(bytes, 2 * run.channels * chunks);
  }
  /// Hops of one of the two trees of a run.
  TreeHops::Costs costs(const TreeRun& run, std::size_t tree, const LinkState& links) const {
    return run.hops[tree].under(links, shapes[run.shape][tree], run, uses, chunk_bytes(run));
  }
  std::int64_t most_channels() const { return std::ranges::max(channels); }
  /// Broadcast waits for reduction on a port.
  bool share_ports() const { return style == TreeStyle::chains; }
  TreeNumbering numbering() const { return {most_channels(), chunks, ranks}; }
};

/// Lays the trees out and chooses what the study left open: the protocol and the number of chunks
/// of least noise-free time. NVLS has one protocol, and channels of its own.
TreePlan make_tree_plan(const CollectiveRequest& request, TreeStyle style);

}  // namespace lockstep
