#include "topologies/tree/tree_plan.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "topologies/nccl_constants.hpp"
#include "topologies/switched_fabric.hpp"

namespace lockstep {
namespace {

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

/// Who stands where: the chain of each cluster starts at its place `channel`.
void seat(LaneRun& run, std::size_t lane, const DomainClusters& clusters) {
  const std::int64_t ranks = run.ranks();
  const auto [group, channel] = run.lanes[lane];
  for (std::int32_t cluster = 0; cluster < clusters.count(); ++cluster)
    for (std::int32_t place = 0; place < clusters.size(cluster); ++place) {
      const std::int32_t vertex = clusters.begins[static_cast<std::size_t>(cluster)] + place;
      const std::int32_t rank = clusters.member(cluster, place + channel);
      for (std::size_t l = lane; l < (lane + 1 == run.used() ? tree_lanes : lane + 1); ++l)
        run.chip[static_cast<std::size_t>(vertex) * tree_lanes + l] =
            static_cast<std::int32_t>(group * ranks + rank);
      run.vertex[static_cast<std::size_t>(static_cast<std::int64_t>(lane) * ranks + rank)] = vertex;
    }
}

/// Lanes of the groups of each call, those of one shape in runs.
void make_runs(TreePlan& plan, const CollectiveRequest& request) {
  std::map<std::vector<std::int32_t>, std::size_t> shapes;  // by DomainClusters::begins
  for (std::int64_t first = 0; first < plan.groups; first += plan.groups_per_call) {
    std::vector<DomainClusters> clusters;
    std::map<std::size_t, std::vector<LaneRun::Lane>> lanes;  // by shape
    for (std::int64_t g = first; g < std::min(first + plan.groups_per_call, plan.groups); ++g) {
      clusters.push_back(clusters_of(request, g));
      const auto& begins = clusters.back().begins;
      const auto [shape, is_new] = shapes.try_emplace(begins, plan.shapes.size());
      if (is_new)
        plan.shapes.push_back({make_cluster_tree(begins, false), make_cluster_tree(begins, true)});
      for (std::int64_t channel = 0; channel < plan.channels[static_cast<std::size_t>(g)];
           ++channel)
        lanes[shape->second].push_back({g, channel});
    }
    for (const auto& [shape, all] : lanes)
      for (std::size_t from = 0; from < all.size(); from += tree_lanes) {
        const std::size_t to = std::min(from + tree_lanes, all.size());
        TreeRun& run = plan.runs.emplace_back(
            TreeRun{make_lane_run({all.begin() + static_cast<std::ptrdiff_t>(from),
                                   all.begin() + static_cast<std::ptrdiff_t>(to)},
                                  plan.ranks),
                    shape,
                    plan.channels[static_cast<std::size_t>(all[from].group)],
                    {}});
        for (std::size_t lane = 0; lane < run.used(); ++lane)
          seat(run, lane, clusters[static_cast<std::size_t>(run.lanes[lane].group - first)]);
      }
  }
  for (const auto& trees : plan.shapes)
    for (const Tree& tree : trees) plan.depth = std::max(plan.depth, tree.depth);
}

/// Hops of all trees, child to parent, in the order of runs, trees, visits, lanes in use. What
/// shares a port on the way up shares it on the way down. On NVLink every channel's chain comes by
/// every rank, with both trees.
std::vector<Flow> flows_of(const TreePlan& plan) {
  std::vector<Flow> flows;
  for (const TreeRun& run : plan.runs)
    for (const Tree& tree : plan.shapes[run.shape])
      for (const TreeVisit& visit : tree.visits) {
        const std::int32_t* lower = run.chips_at(visit.vertex);
        const std::int32_t* upper =
            run.chips_at(tree.parent[static_cast<std::size_t>(visit.vertex)]);
        for (std::size_t lane = 0; lane < run.used(); ++lane)
          flows.push_back({lower[lane], upper[lane], 2 * static_cast<double>(run.channels)});
      }
  return flows;
}

/// The closed form of equal hops (tree.hpp, h = 0), at the slowest; hops as flows_of lists them.
double noise_free_estimate(const TreePlan& plan, const std::vector<Hop>& hops,
                           std::int64_t chunks) {
  double latency = 0, gap = 0;
  auto hop = hops.begin();
  for (const TreeRun& run : plan.runs) {
    const std::size_t count =
        (plan.shapes[run.shape][0].visits.size() + plan.shapes[run.shape][1].visits.size()) *
        run.used();
    for (std::size_t i = 0; i < count; ++i, ++hop) {
      latency = std::max(latency, hop->latency);
      gap = std::max(gap, plan.chunk_bytes(run, chunks) / hop->bandwidth);
    }
  }
  const double both = latency + gap, depth = plan.depth, k = static_cast<double>(chunks);
  return std::max(2 * depth * both, std::max(2 * depth - 2, depth) * both + k * gap) +
         (k - 1) * gap;
}

/// `hops` as flows_of lists them.
void keep_hops(TreePlan& plan, const std::vector<Hop>& hops) {
  std::size_t first = 0;
  for (TreeRun& run : plan.runs)
    for (const Tree& tree : plan.shapes[run.shape]) {
      run.hops.emplace_back(tree, run.used(), plan.chunk_bytes(run, plan.chunks),
                            [&](std::size_t visit, std::size_t lane) {
                              return hops[first + visit * run.used() + lane];
                            });
      first += tree.visits.size() * run.used();
    }
}

}  // namespace

TreePlan make_tree_plan(const CollectiveRequest& request) {
  TreePlan plan;
  plan.ranks = request.layout.replicas;
  plan.groups = request.layout.groups();
  plan.channels = resolve_channels(request);
  plan.groups_per_call = tree_lanes / std::gcd<std::int64_t>(tree_lanes, plan.most_channels());
  plan.bytes = request.bytes;
  plan.scalar_time = scalar_tree_time(request);
  make_runs(plan, request);

  std::vector<Flow> flows = flows_of(plan);
  share_nics(request, flows);
  const auto given = request.values.optional_count("topology.chunks");
  const bool uniform = request.fabric.uniform();
  double best = std::numeric_limits<double>::infinity();
  std::vector<Hop> best_hops;
  for (const NcclProtocol& protocol : nccl_protocols) {
    if (!uniform && request.fabric.protocol != "auto" && request.fabric.protocol != protocol.name)
      continue;
    const PortUse use{protocol.tree_scale_up, protocol.tree_network,
                      protocol.tree_bandwidth_factor()};
    const std::vector<Hop> hops = route(request, use, flows);
    const double base = uniform || plan.ranks == 1 ? 0.0 : protocol.tree_base;
    for (std::int64_t chunks = given.value_or(1); chunks <= given.value_or(most_auto_chunks);
         chunks *= 2) {
      const double estimate = base + noise_free_estimate(plan, hops, chunks);
      if (!plan.protocol.empty() && !(estimate < best)) continue;
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
