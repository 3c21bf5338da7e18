#include "topologies/algorithms/tree/tree_plan.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "topologies/algorithms/noise_free_time.hpp"
#include "topologies/algorithms/tree/tree_trial.hpp"
#include "topologies/wiring/nccl/hop_use.hpp"
#include "topologies/wiring/switched_fabric.hpp"

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
        plan.shapes.push_back({make_cluster_tree(begins, false, plan.style),
                               make_cluster_tree(begins, true, plan.style)});
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

/// Shows the hops of all trees, child to parent, in the order of runs, trees, visits, lanes in use.
/// What shares a port on the way up shares it on the way down. On NVLink every channel's chain
/// comes by every rank, with both trees.
template <class Show>
void show_flows(const TreePlan& plan, const Show& show) {
  for (const TreeRun& run : plan.runs)
    for (const Tree& tree : plan.shapes[run.shape])
      for (const TreeVisit& visit : tree.visits) {
        const std::int32_t* lower = run.chips_at(visit.vertex);
        const std::int32_t* upper =
            run.chips_at(tree.parent[static_cast<std::size_t>(visit.vertex)]);
        for (std::size_t lane = 0; lane < run.used(); ++lane)
          show({lower[lane], upper[lane], 2 * static_cast<double>(run.channels)});
      }
}

/// The ways over which hops go. Broadcast's are on beside the reduction's where both have ports of
/// their own.
void wire_up(TreePlan& plan, const CollectiveRequest& request) {
  const FlowWires wires = wires_of(
      request, [&](const auto& show) { show_flows(plan, show); },
      [&](const auto& show) {
        if (plan.share_ports()) return;
        show_flows(plan, [&](const Flow& up) { show({up.destination, up.source, up.sharing}); });
      });
  std::span<const std::int32_t> rest = wires.kind;
  for (TreeRun& run : plan.runs)
    for (const Tree& tree : plan.shapes[run.shape]) {
      const std::size_t hops = tree.visits.size() * run.used();
      run.hops.emplace_back(rest.first(hops), run.used(), wires.kinds);
      rest = rest.subspan(hops);
    }
}

/// The visits on the longest way from a root, from the top.
std::vector<std::size_t> longest_way(const Tree& tree) {
  std::vector<std::size_t> way;
  if (tree.visits.empty()) return way;
  std::int32_t vertex = std::ranges::max_element(tree.visits, {}, &TreeVisit::level)->vertex;
  for (; vertex != tree.root; vertex = tree.parent[static_cast<std::size_t>(vertex)])
    way.push_back(static_cast<std::size_t>(tree.visit_of[static_cast<std::size_t>(vertex)]));
  std::ranges::reverse(way);
  return way;
}

/// The first lane of a run cannot be through one of its trees before, without noise [s]. Chains of
/// messages on the longest way: the first chunk up and the last one down, behind the others at the
/// slowest hop; and the first one up to where the port that passed all chunks on up passes all of
/// them down.
double least_time(const TreePlan& plan, const TreeRun& run, std::size_t tree,
                  const std::vector<std::size_t>& way) {
  const PortUse& use = plan.uses[static_cast<std::size_t>(run.lanes.front().group)];
  const auto hop = [&](std::size_t i) { return hop_on(run.hops[tree].wire(way[i], 0), use); };
  const auto gap = [&](std::size_t i) { return plan.chunk_bytes(run) / hop(i).bandwidth; };
  const auto chunks = static_cast<double>(plan.chunks);
  double least = 0, up = 0, slowest = 0;
  for (std::size_t i = way.size(); i-- > 0;) {
    up += hop(i).latency + gap(i);
    slowest = std::max(slowest, gap(i));
    if (i > 0 && plan.share_ports() && plan.shapes[run.shape][tree].visits[way[i]].shares_port)
      least = std::max(least, 2 * up + chunks * gap(i - 1) + (chunks - 1) * gap(i));
  }
  return plan.base_latency + std::max(least, 2 * up + (chunks - 1) * slowest);
}

/// The same of all runs.
double least_time(const TreePlan& plan) {
  double least = 0;
  for (std::size_t shape = 0; shape < plan.shapes.size(); ++shape)
    for (std::size_t tree : {0u, 1u}) {
      const std::vector<std::size_t> way = longest_way(plan.shapes[shape][tree]);
      for (const TreeRun& run : plan.runs)
        if (run.shape == shape) least = std::max(least, least_time(plan, run, tree, way));
    }
  return least;
}

}  // namespace

TreePlan make_tree_plan(const CollectiveRequest& request, TreeStyle style) {
  const bool nvls = style == TreeStyle::nvls;
  TreePlan plan;
  plan.style = style;
  plan.ranks = request.layout.replicas;
  plan.groups = request.layout.groups();
  const std::vector<NcclGroup> groups = nccl_groups(request);
  if (!nvls) plan.channels = resolve_channels(request);
  std::vector<NcclChannels> opened;
  for (std::int64_t group = 0; group < plan.groups; ++group)
    if (nvls) {
      opened.push_back(nvls_channels(request, group));
      plan.channels.push_back(opened.back().count);
    } else {
      opened.push_back(
          nccl_ring_channels(request, group, plan.channels[static_cast<std::size_t>(group)]));
    }
  plan.groups_per_call = tree_lanes / std::gcd<std::int64_t>(tree_lanes, plan.most_channels());
  plan.bytes = request.bytes;
  plan.scalar_time = scalar_tree_time(request);
  make_runs(plan, request);

  wire_up(plan, request);
  const bool is_uniform = request.fabric.uniform();
  const auto take = [&](NcclProtocol protocol) {
    plan.uses.assign(groups.size(), {});
    plan.protocol = protocol_text(request.fabric, protocol);
    if (is_uniform) return;
    for (std::size_t group = 0; group < groups.size(); ++group) {
      const std::int64_t channels = plan.channels[group];
      const NcclUse use = nvls ? nccl_nvls_use(groups[group], opened[group])
                               : nccl_tree_use(groups[group], protocol, opened[group], channels);
      plan.uses[group] = use.ports;
      if (plan.ranks > 1) plan.base_latency = use.start_up;
    }
  };
  std::span<const NcclProtocol> open = open_protocols(request.fabric);
  if (nvls) open = std::span(nccl_protocols).last(1);
  const std::vector<std::int64_t> chunks = open_chunks(request);
  const auto take_candidate = [&](std::size_t candidate) {
    take(open[candidate / chunks.size()]);
    plan.chunks = chunks[candidate % chunks.size()];
  };
  take_candidate(fastest(
      open.size() * chunks.size(),
      [&](std::size_t candidate) {
        take_candidate(candidate);
        return least_time(plan);
      },
      [&](std::size_t candidate) {
        take_candidate(candidate);
        return noise_free_time(*make_tree_trial(plan, {}), plan.groups, plan.ranks);
      }));
  return plan;
}

}  // namespace lockstep
