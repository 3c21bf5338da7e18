#include "topologies/wiring/nccl/tuning_model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <stdexcept>

namespace lockstep {
namespace {

constexpr double us = 1e-6, giga = 1e9;

template <class Enum>
constexpr std::size_t at(Enum e) {
  return static_cast<std::size_t>(e);
}

/// The column of a table by scale: one node, two, more.
std::size_t scale(std::int64_t nodes) {
  return static_cast<std::size_t>(std::min<std::int64_t>(nodes, 3) - 1);
}

double by_scale(const NcclByScale& table, const NcclGroup& group) {
  return table[at(group.generation)][scale(group.nodes)] * giga;
}

double most_bus_of_ll(const NcclGroup& group) {
  const std::size_t row =
      group.nodes == 1 ? at(group.generation) : (group.cpu == NcclCpu::amd ? 1 : 0);
  return nccl_table.ll_bus[row][scale(group.nodes)] * giga;
}

double floor_log2(std::int64_t n) {
  return static_cast<double>(std::bit_width(static_cast<std::uint64_t>(n)) - 1);
}

/// The place of a size in the table of corrections; beyond it there is none.
std::optional<std::size_t> correction_place(double bytes) {
  const auto lines = static_cast<std::int64_t>(bytes / 64);
  if (lines < 1) return {};
  const auto place = static_cast<std::size_t>(floor_log2(lines));
  if (place >= nccl_table.tree_correction[0].size()) return {};
  return place;
}

NcclBus ring_bus(const NcclGroup& group, NcclProtocol protocol, double channels) {
  switch (protocol) {
    case NcclProtocol::ll:
      return {0.5, most_bus_of_ll(group)};
    case NcclProtocol::ll128:
      return {0.92, channels * by_scale(nccl_table.ring_ll128, group)};
    case NcclProtocol::simple:
      break;
  }
  return {};
}

NcclBus tree_bus(const NcclGroup& group, NcclProtocol protocol, double channels) {
  NcclBus bus{0.92, channels * by_scale(nccl_table.tree, group)};
  const auto take = [&](double share, double cap) {
    bus = {bus.factor * share, std::min(bus.cap * share, cap)};
  };
  if (protocol == NcclProtocol::ll) take(1 / 3.8, most_bus_of_ll(group));
  if (protocol == NcclProtocol::ll128)
    take(group.nodes == 1 ? 7.0 / 9.0 : 120.0 / 128.0,
         channels * by_scale(nccl_table.tree_ll128, group));
  return bus;
}

bool runs(const NcclGroup& group, Operation operation, NcclAlgorithm algorithm,
          NcclProtocol protocol, const NcclChannels& channels) {
  const bool all_reduce = operation == Operation::all_reduce;
  const bool one_node = group.nodes == 1;
  if (algorithm == NcclAlgorithm::ring) return true;
  if (algorithm == NcclAlgorithm::tree) return all_reduce;
  if (protocol != NcclProtocol::simple) return false;
  switch (algorithm) {
    case NcclAlgorithm::pat:
      return !all_reduce && group.nodes == group.ranks;
    case NcclAlgorithm::nvls:
      // Gathering and scattering over the network takes as many NICs as ranks.
      return channels.count >= 2 && group.node_ranks() > 2 &&
             (one_node || (group.sharp && (all_reduce || group.node_ranks() <= channels.count)));
    case NcclAlgorithm::nvls_tree:
      return all_reduce && !one_node && channels.count >= 2 && group.node_ranks() > 2 &&
             nccl_table.nvls_efficiency[at(group.generation)] > 0;
    case NcclAlgorithm::collnet_direct:
      return group.sharp && !one_node && group.node_ranks() <= nccl_most_collnet_ranks &&
             (all_reduce || group.node_ranks() <= channels.count);
    case NcclAlgorithm::collnet_chain:
      return group.sharp && !one_node && all_reduce;
    default:
      return false;
  }
}

/// Bus bandwidth of all channels [B/s], trees and NVLS trees without the correction by size.
double bus_bandwidth(const NcclGroup& group, Operation operation, NcclAlgorithm algorithm,
                     NcclProtocol protocol, const NcclChannels& channels) {
  const auto count = static_cast<double>(channels.count);
  const double ranks = static_cast<double>(group.ranks) / static_cast<double>(group.nodes);
  const bool all_reduce = operation == Operation::all_reduce;
  const double links = group.nodes <= 2 ? channels.inside : channels.network;
  switch (algorithm) {
    case NcclAlgorithm::ring:
    case NcclAlgorithm::tree: {
      const NcclBus bus = nccl_bus(group, algorithm, protocol, channels.count);
      return std::min(bus.factor * count * links, bus.cap);
    }
    case NcclAlgorithm::pat:
      return nccl_table.pat_share * count * links;
    case NcclAlgorithm::nvls:
    case NcclAlgorithm::nvls_tree: {
      const bool tree = algorithm == NcclAlgorithm::nvls_tree;
      double rate = nccl_nvls_rate(group, channels) * (count - 1) / count;
      rate *= all_reduce ? 2 : (ranks - 1) / ranks;
      if (group.nodes > 1)
        rate = std::min(rate, channels.network * (tree && group.nodes == 2 ? 2 : 1));
      if (tree) rate = std::min(rate, nccl_nvls_tree_cap(group));
      return count * rate;
    }
    case NcclAlgorithm::collnet_direct: {
      if (!all_reduce) return ranks * std::min(channels.inside, 0.9 * channels.network);
      const double chips_a_nic = ranks / count;
      const double bus = count * channels.inside / ((chips_a_nic + 1) / 2);
      return group.generation >= NcclGeneration::hopper ? 0.85 * bus : bus;
    }
    case NcclAlgorithm::collnet_chain:
      return count * channels.inside;
  }
  return 0;
}

double latency(const NcclGroup& group, Operation operation, NcclAlgorithm algorithm,
               NcclProtocol protocol) {
  const bool all_reduce = operation == Operation::all_reduce;
  const auto nodes = static_cast<double>(group.nodes);
  const auto neighbours = static_cast<double>(group.node_ranks() - 1);
  const double levels = floor_log2(group.nodes);
  const auto [inside, network] = nccl_hops(group, algorithm, protocol);
  const double base = nccl_start_up(algorithm, protocol);
  switch (algorithm) {
    case NcclAlgorithm::ring: {
      const double rounds = all_reduce ? 2 : 1;
      const double across = rounds * (nodes - 1);
      return base + (rounds * static_cast<double>(group.ranks - 1) - across) * inside +
             across * network;
    }
    case NcclAlgorithm::tree:
      return base + 2 * (neighbours * inside + levels * network);
    case NcclAlgorithm::collnet_direct: {
      constexpr double each_chip = 0.4 * us;
      return base + 2 * (std::min(1.0, neighbours) * inside + neighbours * each_chip) + network;
    }
    case NcclAlgorithm::collnet_chain:
      return base + 2 * neighbours * inside + network;
    case NcclAlgorithm::nvls:
      return inside + (group.nodes > 1 ? network : 0);
    case NcclAlgorithm::nvls_tree:
      return inside + 2 * levels * network;
    case NcclAlgorithm::pat:
      return base + levels * network / nccl_table.pat_overlap +
             static_cast<double>(group.ranks) * nccl_pat_part_latency();
  }
  return 0;
}

}  // namespace

double nccl_start_up(NcclAlgorithm algorithm, NcclProtocol protocol) {
  return nccl_table.base[at(algorithm)][at(protocol)] * us;
}

double nccl_pat_part_latency() {
  return nccl_table.pat_rank * us;
}

NcclHops nccl_hops(const NcclGroup& group, NcclAlgorithm algorithm, NcclProtocol protocol) {
  const bool exposed = group.ranks == group.nodes;
  NcclHops hops{
      nccl_table.nvlink[at(algorithm)][at(protocol)] * us,
      nccl_table.network[at(exposed ? NcclAlgorithm::tree : algorithm)][at(protocol)] * us};
  if (algorithm == NcclAlgorithm::ring && group.nodes > 1) {
    const double posts = protocol == NcclProtocol::simple ? 3 : 1;
    hops.inside = std::max(hops.inside, posts * nccl_table.net_overhead[at(group.cpu)] * us);
  }
  return hops;
}

NcclBus nccl_bus(const NcclGroup& group, NcclAlgorithm algorithm, NcclProtocol protocol,
                 std::int64_t channels) {
  const auto count = static_cast<double>(channels);
  return algorithm == NcclAlgorithm::tree ? tree_bus(group, protocol, count)
                                          : ring_bus(group, protocol, count);
}

double nccl_ring_plateau(const NcclGroup& group, Operation operation, NcclProtocol protocol,
                         double bytes, std::int64_t channels) {
  if (operation != Operation::all_reduce || protocol != NcclProtocol::simple || group.nodes == 1 ||
      bytes / static_cast<double>(channels * group.ranks) < 64)
    return 1;
  return group.generation == NcclGeneration::volta ? 1.9 : 1.4;
}

double nccl_tree_correction(NcclProtocol protocol, double bytes) {
  const auto place = correction_place(bytes);
  // The last entry is used by NVLS trees alone.
  constexpr std::size_t tree_entries = 23;
  return place && *place < tree_entries ? nccl_table.tree_correction[at(protocol)][*place] : 1;
}

double nccl_nvls_tree_cap(const NcclGroup& group) {
  return group.nodes > 1 ? by_scale(nccl_table.nvls_tree, group)
                         : std::numeric_limits<double>::infinity();
}

NcclChannels nccl_nvls_channels(const NcclGroup& group, std::int64_t heads, double inside,
                                double network) {
  NcclChannels channels;
  channels.count = std::clamp<std::int64_t>(
      nccl_table.nvls_channels[at(group.generation)][group.nodes > 1 ? 1 : 0], 1, heads);
  const std::span<const double> speeds = group.generation == NcclGeneration::blackwell
                                             ? std::span<const double>(nccl_blackwell_speeds)
                                             : std::span<const double>(nccl_hopper_speeds);
  const double carried = inside / static_cast<double>(channels.count + 1);
  channels.inside = carried;  // slower than all of NCCL's
  for (double speed : speeds)
    if (speed * giga <= carried) {
      channels.inside = speed * giga;
      break;
    }
  channels.network = network;
  return channels;
}

double nccl_nvls_rate(const NcclGroup& group, const NcclChannels& channels) {
  return group.foreign ? 0 : channels.inside * nccl_table.nvls_efficiency[at(group.generation)];
}

std::optional<NcclCost> nccl_cost(const NcclGroup& group, Operation operation,
                                  NcclAlgorithm algorithm, NcclProtocol protocol,
                                  const NcclChannels& channels, double bytes) {
  const bool all_reduce = operation == Operation::all_reduce;
  if (!all_reduce && operation != Operation::reduce_scatter && operation != Operation::all_gather)
    throw std::invalid_argument("NCCL's model has reductions and gathers alone");
  if (group.ranks == 1) return NcclCost{};
  if (!runs(group, operation, algorithm, protocol, channels)) return {};
  NcclCost cost;
  cost.latency = latency(group, operation, algorithm, protocol);
  double bus = bus_bandwidth(group, operation, algorithm, protocol, channels);
  if (algorithm == NcclAlgorithm::tree) bus *= nccl_tree_correction(protocol, bytes);
  // Hosts of Grace are left out.
  if (algorithm == NcclAlgorithm::nvls_tree && group.cpu != NcclCpu::other &&
      group.generation == NcclGeneration::blackwell)
    if (const auto place = correction_place(bytes))
      bus *= nccl_table.tree_correction[at(protocol)][*place];
  if (algorithm == NcclAlgorithm::ring)
    cost.latency *= nccl_ring_plateau(group, operation, protocol, bytes, channels.count);
  if (!(bus > 0)) return {};

  // Bytes of the buffer over their time, of the bus bandwidth.
  const auto ranks = static_cast<double>(group.ranks);
  double share = 1;
  const bool halves = algorithm == NcclAlgorithm::tree ||
                      algorithm == NcclAlgorithm::collnet_direct ||
                      algorithm == NcclAlgorithm::collnet_chain;
  if (all_reduce) share = halves ? 0.5 : ranks / (2 * (ranks - 1));
  if (!all_reduce && algorithm == NcclAlgorithm::ring) share = ranks / (ranks - 1);
  const double bandwidth = bus * share;
  cost.time = cost.latency + bytes / bandwidth;
  cost.bus_bandwidth = bandwidth * (all_reduce ? 2 : 1) * (ranks - 1) / ranks;
  return cost;
}

}  // namespace lockstep
