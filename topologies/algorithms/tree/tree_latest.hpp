#pragma once

#include <memory>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/tree/tree_plan.hpp"

namespace lockstep {

/// CollectiveTrial::latest_finish of a double tree.
///
/// A chain pays the latency of every hop on its way, and all the chunks that it waits at the
/// largest gap it passes. From a hop to the last chunk, w chunks away, the longest is
///
///   longest(hop, w) = max over ranks q below of latencies(hop .. q) + w gaps(hop .. q) + after(q),
///
/// `gaps` the largest, convex in w: two numbers a hop, of w = 0 and another, follow from those of
/// its children (TreeNoise). A late message adds its delay to the longest chain up to it, of ready
/// times and of other late messages, and ends by the longest chain on. The ways on are
///
/// - up its tree and from the root to any rank, of which the longest for each largest gap is kept;
///   in the broadcast, to the ranks below: about as many as the tree is deep;
/// - where the broadcast follows the reduction on every port, from a port on: against time what it
///   has sent and got is what it lets in and out.
///
/// What leads to a late message of the broadcast needs a reduction without noise, which knows ports
/// and roots at the first chunk and the last. Roots are convex in between: where a chord there
/// would end last, run() is asked. `hops`: (runs, 2), `trial` the same tree on the same links; they
/// must outlive this. Cost: 5 us a late message, and a reduction where the broadcast has one; to
/// begin with two runs and 10 ns a rank and lane.
std::unique_ptr<LatestFinish> make_tree_latest(const TreePlan& plan,
                                               const std::vector<TreeHops::Costs>& hops,
                                               const CollectiveTrial& trial, const double* after);

}  // namespace lockstep
