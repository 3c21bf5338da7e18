#include "topologies/tree_plan.hpp"

#include <numeric>

#include "topologies/nccl_constants.hpp"
#include "topologies/switched_fabric.hpp"
#include "topologies/tree_kernels.hpp"

namespace lockstep {
namespace {

constexpr double hops_per_port = 2;  // tree hops that share a port in each phase

/// Ranks that a chain joins. A uniform fabric has no domains: its chains would add their traffic to
/// the ports that the trees already fill.
DomainClusters clusters_of(const CollectiveRequest& request, std::int64_t group) {
  if (!request.fabric.uniform()) return domain_clusters(request.layout, group);
  DomainClusters single;
  single.begins.resize(static_cast<std::size_t>(request.layout.replicas) + 1);
  std::iota(single.begins.begin(), single.begins.end(), 0);
  single.members.assign(single.begins.begin(), single.begins.end() - 1);
  return single;
}

void make_runs(TreePlan& plan, const CollectiveRequest& request) {
  for (std::int64_t first = 0; first < plan.groups; first += plan.lanes) {
    std::vector<DomainClusters> shapes;
    const std::size_t begin = plan.runs.size();
    for (std::int64_t g = first; g < std::min(first + plan.lanes, plan.groups); ++g) {
      const auto clusters = clusters_of(request, g);
      const auto same = std::find(shapes.begin(), shapes.end(), clusters);
      const auto shape = static_cast<std::size_t>(same - shapes.begin());
      if (same == shapes.end()) {
        shapes.push_back(clusters);
        LaneRun& run = plan.runs.emplace_back();
        for (std::int64_t channel = 0; channel < plan.channels; ++channel)
          for (bool second : {false, true})
            run.trees.push_back(make_tree(clusters, channel, second));
      }
      plan.runs[begin + shape].groups.push_back(g);
    }
  }
  for (LaneRun& run : plan.runs) {
    run.used = static_cast<std::int64_t>(run.groups.size());
    run.groups.resize(static_cast<std::size_t>(plan.lanes), run.groups.back());
    for (const Tree& tree : run.trees) plan.depth = std::max(plan.depth, tree.depth);
  }
}

/// Hops of all trees, child to parent, in the order of runs, trees, Tree::order, lanes in use (the
/// repeated group of a short run must not load the uplinks twice).
std::vector<Flow> flows_of(const TreePlan& plan) {
  std::vector<Flow> flows;
  for (const LaneRun& run : plan.runs)
    for (const Tree& tree : run.trees)
      for (std::int32_t rank : tree.order)
        for (std::int64_t lane = 0; lane < run.used; ++lane) {
          const std::int64_t group = run.groups[static_cast<std::size_t>(lane)];
          flows.push_back({static_cast<std::int32_t>(plan.chip(group, rank)),
                           static_cast<std::int32_t>(
                               plan.chip(group, tree.parent[static_cast<std::size_t>(rank)]))});
        }
  return flows;
}

/// The closed form of equal hops (tree.hpp, h = 0), at the slowest.
double noise_free_estimate(const TreePlan& plan, const std::vector<Hop>& hops,
                           std::int64_t chunks) {
  double latency = 0, gap = 0;
  for (const Hop& hop : hops) {
    latency = std::max(latency, hop.latency);
    gap = std::max(gap, plan.chunk_bytes(chunks) / hop.bandwidth);
  }
  const double hop = latency + gap, k = static_cast<double>(chunks);
  return 2 * std::max(0.0, plan.depth - 1.0) * hop + std::max(2 * hop, k * gap) + (k - 1) * gap;
}

void keep_hops(TreePlan& plan, const std::vector<Hop>& hops) {
  std::size_t at = 0;
  for (const LaneRun& run : plan.runs)
    for (const Tree& tree : run.trees) {
      TreeHops& kept = plan.hops.emplace_back();
      kept.latency.resize(static_cast<std::size_t>(plan.ranks * plan.lanes));
      kept.gap.resize(kept.latency.size());
      kept.tier.resize(kept.latency.size());
      for (std::int32_t rank : tree.order) {
        for (std::int64_t lane = 0; lane < plan.lanes; ++lane) {
          const Hop& hop = hops[at + static_cast<std::size_t>(std::min(lane, run.used - 1))];
          kept.latency[plan.cell(rank, lane)] = hop.latency;
          kept.gap[plan.cell(rank, lane)] = plan.chunk_bytes(plan.chunks) / hop.bandwidth;
          kept.tier[plan.cell(rank, lane)] = hop.tier;
        }
        at += static_cast<std::size_t>(run.used);
      }
    }
}

}  // namespace

std::vector<TreeHops> TreePlan::slowed_hops(const LinkState& links) const {
  std::vector<TreeHops> slowed = hops;
  std::size_t t = 0;
  for (const LaneRun& run : runs)
    for (const Tree& tree : run.trees) {
      TreeHops& tree_hops = slowed[t++];
      tree_hops.pipeline_gap.resize(tree_hops.gap.size());
      for (std::int32_t rank : tree.order)
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          const std::size_t i = cell(rank, lane);
          const std::int64_t group = run.groups[static_cast<std::size_t>(lane)];
          tree_hops.gap[i] *=
              links.hop_factor(tree_hops.tier[i], chip(group, rank),
                               chip(group, tree.parent[static_cast<std::size_t>(rank)]));
          tree_hops.latency[i] += tree_hops.gap[i];
          tree_hops.pipeline_gap[i] = tree_hops.gap[i] * static_cast<double>(chunks - 1);
        }
    }
  return slowed;
}

TreePlan make_tree_plan(const CollectiveRequest& request) {
  TreePlan plan;
  plan.ranks = request.layout.replicas;
  plan.groups = request.layout.groups();
  plan.lanes = plan.groups >= tree_lanes ? tree_lanes : 1;
  plan.channels = resolve_channels(request);
  plan.bytes = request.bytes;
  plan.scalar_time = scalar_tree_time(request);
  make_runs(plan, request);

  const std::vector<Flow> flows = flows_of(plan);
  const auto given = request.values.optional_count("topology.chunks");
  const bool uniform = request.fabric.uniform();
  const auto channels = static_cast<double>(plan.channels);
  double best = 1e300;
  std::vector<Hop> best_hops;
  for (const NcclProtocol& protocol : nccl_protocols) {
    if (!uniform && request.fabric.protocol != "auto" && request.fabric.protocol != protocol.name)
      continue;
    const PortUse use{protocol.tree_scale_up, protocol.tree_network,
                      protocol.tree_bandwidth_factor(), hops_per_port * channels,
                      hops_per_port * channels_per_nic(request, plan.channels)};
    const std::vector<Hop> hops = route(request, use, flows);
    const double base = uniform || plan.ranks == 1 ? 0.0 : protocol.tree_base;
    for (std::int64_t chunks = given.value_or(1); chunks <= given.value_or(most_auto_chunks);
         chunks *= 2) {
      const double estimate = base + noise_free_estimate(plan, hops, chunks);
      if (estimate >= best) continue;
      best = estimate;
      best_hops = hops;
      plan.chunks = chunks;
      plan.base_latency = base;
      plan.protocol = uniform ? "uniform hops" : std::string(protocol.name);
    }
  }
  keep_hops(plan, best_hops);
  return plan;
}

}  // namespace lockstep
