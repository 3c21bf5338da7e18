#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lockstep {

// NCCL's constants. Source of every figure here: NCCL 2.30, src/graph/tuning.cc, under the name in
// brackets; where another file is the source, it is named.

inline constexpr std::string_view nccl_version = "NCCL 2.30, src/graph/tuning.cc";

enum class NcclAlgorithm { tree, ring, collnet_direct, collnet_chain, nvls, nvls_tree, pat };
inline constexpr std::array<std::string_view, 7> nccl_algorithm_names{
    "tree", "ring", "CollNet direct", "CollNet chain", "NVLS", "NVLS tree", "PAT"};

enum class NcclProtocol { ll, ll128, simple };
inline constexpr std::array<std::string_view, 3> nccl_protocol_names{"LL", "LL128", "Simple"};
inline constexpr std::array<NcclProtocol, 3> nccl_protocols{NcclProtocol::ll, NcclProtocol::ll128,
                                                            NcclProtocol::simple};

/// Compute capabilities 7, 8, 9 and 10, as NCCL sorts them.
enum class NcclGeneration { volta, ampere, hopper, blackwell };

/// Whose processors the hosts have: other is Grace, which counts as Intel but in NVLS trees.
enum class NcclCpu { intel, amd, other };

constexpr std::string_view name_of(NcclAlgorithm a) {
  return nccl_algorithm_names[static_cast<std::size_t>(a)];
}
constexpr std::string_view name_of(NcclProtocol p) {
  return nccl_protocol_names[static_cast<std::size_t>(p)];
}

using NcclByProtocol = std::array<double, 3>;
using NcclByAlgorithm = std::array<NcclByProtocol, 7>;
/// (generations, one node, two nodes, more)
using NcclByScale = std::array<std::array<double, 3>, 4>;

struct NcclTable {
  /// Start-up [us] (baseLatencies).
  NcclByAlgorithm base{{{6.8, 14.0, 8.4},
                        {6.6, 14.0, 8.4},
                        {0, 0, 0},
                        {0, 0, 0},
                        {0, 0, 0},
                        {0, 0, 0},
                        {8.0, 8.0, 8.0}}};
  /// Of a hop over NVLink [us] (hwLatencies, NVLINK).
  NcclByAlgorithm nvlink{{{0.6, 1.25, 4.0},
                          {0.6, 1.9, 3.4},
                          {0, 0, 3.7},
                          {0, 0, 2.8},
                          {0, 0, 25},
                          {0, 0, 25},
                          {0, 0, 4.0}}};
  /// Of a hop over the network [us] (hwLatencies, NET).
  NcclByAlgorithm network{{{5.0, 8.5, 14.0},
                           {2.7, 4.0, 14.0},
                           {0, 0, 31},
                           {0, 0, 30},
                           {0, 0, 18},
                           {0, 0, 20.9},
                           {0, 0, 14}}};
  /// Post of a message by the processor [us], NcclCpu's order (getNetOverhead); three a message
  /// under Simple.
  std::array<double, 3> net_overhead{1.0, 2.0, 1.0};
  /// Most bus bandwidth of LL [GB/s] (llMaxBws): on one node by generation, on several by
  /// processor: the first row is Intel's and Grace's, the second AMD's.
  NcclByScale ll_bus{
      {{39.0, 39.0, 20.4}, {87.7, 22.5, 19.0}, {141.0, 45.0, 35.0}, {282.0, 90.0, 70.0}}};
  /// Most of a channel [GB/s] (perChMaxRingLL128Bws, perChMaxTreeLL128Bws, perChMaxTreeBws,
  /// perChMaxNVLSTreeBws).
  NcclByScale ring_ll128{{{20, 20, 20}, {20, 20, 20}, {36.7, 36.7, 36.7}, {40, 40, 40}}};
  NcclByScale tree_ll128{{{20, 20, 20}, {20, 20, 20}, {36.7, 36.7, 29.0}, {55.6, 31.67, 20.0}}};
  NcclByScale tree{
      {{26.5, 18.5, 10.0}, {24.0, 23.6, 17.8}, {38.7, 41.4, 36.0}, {70.0, 42.8, 24.0}}};
  NcclByScale nvls_tree{
      {{26.5, 18.5, 10.0}, {24.0, 23.6, 17.8}, {0.0, 57.7, 45.5}, {0.0, 96.0, 80.0}}};
  /// PAT: what its hops over the network take of their latency, 1 / pat_overlap, of the bandwidth,
  /// and of each rank [us].
  double pat_overlap = 3.5, pat_share = 0.75, pat_rank = 2.8;
  /// What NVLS reaches of NVLink, by generation (nvlsEfficiency).
  std::array<double, 4> nvls_efficiency{0.0, 0.0, 0.85, 0.74};
  /// What trees reach of their bandwidth, by floor(log2(bytes / 64 B)); all of it beyond
  /// (treeCorrectionFactor).
  std::array<std::array<double, 24>, 3> tree_correction{
      {{1.0, 1.0, 1.0, 1.0, .9, .8, .7, .7, .7, .7, .6, .5,
        .4,  .4,  .5,  .6,  .7, .8, .9, 1., 1., 1., 1., 1.},
       {1.0, 1.0, 1.0, 1.0, 1., .9, .8, .8, .8, .7, .6, .6,
        .6,  .6,  .6,  .6,  .8, .9, .9, .9, .9, 1., 1., 1.},
       {.9, .9, .9, .9, .9, .9, .9, .8, .7, .6, .6, .5,
        .5, .5, .5, .6, .7, .8, .7, .7, .8, .9, .9, .9}}};
  /// Most channels of NVLS, by generation: on one node, and on several. Source: NCCL 2.30,
  /// src/transport/nvls.cc (NVLS_NCHANNELS_SM90, _SM100_NVL, _SM100).
  std::array<std::array<std::int64_t, 2>, 4> nvls_channels{{{0, 0}, {0, 0}, {16, 16}, {24, 32}}};
};

inline constexpr NcclTable nccl_table{};

/// Speeds that NCCL tries for a channel [GB/s], fastest first, on Hopper and on Blackwell. Source:
/// NCCL 2.30, src/graph/search.cc (sm90SpeedArrayIntra, sm100SpeedArrayIntra).
inline constexpr std::array<double, 11> nccl_hopper_speeds{60, 50, 40, 30, 24, 20,
                                                           15, 12, 11, 6,  3};
inline constexpr std::array<double, 12> nccl_blackwell_speeds{90, 80, 70, 60, 50, 45,
                                                              40, 30, 24, 20, 19, 18};

/// Most rings or double trees that NCCL looks for. Source: NCCL 2.30, src/init.cc
/// (ringGraph->maxChannels = MAXCHANNELS / 2).
inline constexpr std::int64_t nccl_most_ring_channels = 32;

/// Most ranks of a node for CollNet direct. Source: NCCL 2.30, src/enqueue.cc (updateCollCostTable:
/// NCCL_MAX_DIRECT_ARITY + 1).
inline constexpr std::int64_t nccl_most_collnet_ranks = 8;

/// The generation that Chip::nccl names; nullopt where NCCL does not run on the chip.
constexpr std::optional<NcclGeneration> nccl_generation(std::string_view name) {
  constexpr std::string_view names[] = {"volta", "ampere", "hopper", "blackwell"};
  for (std::size_t g = 0; g < std::size(names); ++g)
    if (name == names[g]) return static_cast<NcclGeneration>(g);
  return {};
}

}  // namespace lockstep
