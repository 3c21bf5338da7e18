// NCCL's tuning model against its published formulas written apart: latencies in us, bandwidths in
// GB/s, each algorithm as one line of arithmetic for the machines below. Figures: NCCL 2.30,
// src/graph/tuning.cc, read there and not from the table.

#include <gtest/gtest.h>

#include <cmath>

#include "topologies/wiring/nccl/tuning_model.hpp"

namespace lockstep {
namespace {

constexpr double gb = 1e9;
constexpr Operation all_reduce = Operation::all_reduce;

/// Groups of 8 H100 a node, 8 NICs of 48 GB/s.
NcclGroup hoppers(std::int64_t ranks) {
  return {.ranks = ranks, .nodes = ranks / 8};
}
const NcclChannels eight{8, 46 * gb, 48 * gb};

double time_us(const NcclGroup& group, NcclAlgorithm a, NcclProtocol p, const NcclChannels& c,
               double bytes, Operation operation = all_reduce) {
  const auto cost = nccl_cost(group, operation, a, p, c, bytes);
  return cost ? cost->time * 1e6 : -1;
}

struct Correction {
  double mib, ll, ll128, simple;
};

TEST(NcclTuning, FollowsItsFormulasFromOneMegabyteTo32GigabytesAtScale) {
  // What trees lose at sizes of 2^k MiB, by protocol, from the third row of the published array on.
  const Correction corrections[] = {{1, .5, .6, .5}, {2, .6, .6, .6},  {4, .7, .8, .7},
                                    {8, .8, .9, .8}, {16, .9, .9, .7}, {32, 1, .9, .7},
                                    {64, 1, .9, .8}, {128, 1, 1, .9},  {256, 1, 1, .9},
                                    {512, 1, 1, 1},  {1024, 1, 1, 1},  {32768, 1, 1, 1}};
  int cases = 0;
  for (const double nodes : {2048.0, 16384.0}) {
    const double n = 8 * nodes, inner = 2 * (n - 1) - 2 * (nodes - 1), outer = 2 * (nodes - 1);
    const double levels = nodes == 2048 ? 11 : 14;
    const NcclGroup group = hoppers(static_cast<std::int64_t>(n));
    for (const Correction& c : corrections) {
      const double bytes = c.mib * 1024 * 1024, kb = bytes / 1000;  // us a GB/s
      const double alg = n / (2 * (n - 1));                         // of the bus
      const auto near = [&](NcclAlgorithm a, NcclProtocol p, double expected) {
        EXPECT_NEAR(time_us(group, a, p, eight, bytes), expected, 1e-9 * expected)
            << name_of(a) << " " << name_of(p) << " " << n << " ranks, " << c.mib << " MiB";
        ++cases;
      };
      using A = NcclAlgorithm;
      using P = NcclProtocol;
      near(A::ring, P::ll, 6.6 + inner * 1.0 + outer * 2.7 + kb / (20.4 * alg));
      near(A::ring, P::ll128, 14 + inner * 1.9 + outer * 4 + kb / (8 * 36.7 * alg));
      const double plateau = bytes / 8 / n >= 64 ? 1.4 : 1;
      near(A::ring, P::simple, plateau * (8.4 + inner * 3.4 + outer * 14) + kb / (8 * 48 * alg));
      // min(0.92 of 384, 8 x 36) = 288.
      near(A::tree, P::ll, 6.8 + 2 * (7 * .6 + levels * 5) + kb / (20.4 * c.ll / 2));
      near(A::tree, P::ll128, 14 + 2 * (7 * 1.25 + levels * 8.5) + kb / (8 * 29 * c.ll128 / 2));
      near(A::tree, P::simple, 8.4 + 2 * (7 * 4 + levels * 14) + kb / (288 * c.simple / 2));
      // min(2 x 0.85 x 7/8 x 46, 48, 45.5) of each channel.
      near(A::nvls_tree, P::simple, 25 + 2 * levels * 20.9 + kb / (8 * 45.5 * alg));
    }
  }
  EXPECT_EQ(cases, 2 * 12 * 7);
}

TEST(NcclTuning, ReduceScatterAndAllGatherTakeHalfTheStepsOfARing) {
  for (const Operation operation : {Operation::reduce_scatter, Operation::all_gather}) {
    const double bytes = 1e9, n = 16384, nodes = 2048;
    const auto near = [&](NcclProtocol p, double expected) {
      EXPECT_NEAR(time_us(hoppers(16384), NcclAlgorithm::ring, p, eight, bytes, operation),
                  expected, 1e-9 * expected);
    };
    near(NcclProtocol::simple,  // no plateau
         8.4 + (n - nodes) * 3.4 + (nodes - 1) * 14 + 1e6 / (384 * n / (n - 1)));
    near(NcclProtocol::ll, 6.6 + (n - nodes) * 1 + (nodes - 1) * 2.7 + 1e6 / (20.4 * n / (n - 1)));
    for (const NcclAlgorithm a : {NcclAlgorithm::tree, NcclAlgorithm::nvls_tree,
                                  NcclAlgorithm::collnet_chain, NcclAlgorithm::pat})
      EXPECT_LT(time_us(hoppers(16384), a, NcclProtocol::simple, eight, bytes, operation), 0);
  }
}

TEST(NcclTuning, OneRankANodeHidesNoLatencyAndOpensPat) {
  const NcclGroup group{.ranks = 1024, .nodes = 1024};
  const NcclChannels one{1, 46 * gb, 48 * gb};
  const double kb = 1e6;
  const double hops[] = {5.0, 8.5, 14.0}, base[] = {6.6, 14, 8.4}, bus[] = {20.4, 36.7, 48};
  for (std::size_t p = 0; p < 3; ++p)
    EXPECT_NEAR(
        time_us(group, NcclAlgorithm::ring, nccl_protocols[p], one, 1e9, Operation::all_gather),
        base[p] + 1023 * hops[p] + kb / (bus[p] * 1024 / 1023), 1e-3);
  EXPECT_NEAR(
      time_us(group, NcclAlgorithm::pat, NcclProtocol::simple, one, 1e9, Operation::all_gather),
      8 + 10 * 14 / 3.5 + 1024 * 2.8 + kb / (.75 * 48), 1e-3);
  EXPECT_LT(time_us(group, NcclAlgorithm::pat, NcclProtocol::simple, one, 1e9), 0);
  EXPECT_LT(time_us(group, NcclAlgorithm::nvls, NcclProtocol::simple, one, 1e9), 0);
}

TEST(NcclTuning, ProcessorsPostMessagesAtTheirOwnPace) {
  NcclGroup group = hoppers(64);
  const double bytes = 1024;
  const auto ring = [&](NcclProtocol p) {
    return nccl_cost(group, all_reduce, NcclAlgorithm::ring, p, eight, bytes)->latency * 1e6;
  };
  const double inner = 126 - 14;
  EXPECT_NEAR(ring(NcclProtocol::ll), 6.6 + inner * 1 + 14 * 2.7, 1e-9);
  EXPECT_NEAR(ring(NcclProtocol::simple), 8.4 + inner * 3.4 + 14 * 14, 1e-9);
  group.cpu = NcclCpu::amd;
  EXPECT_NEAR(ring(NcclProtocol::ll), 6.6 + inner * 2 + 14 * 2.7, 1e-9);
  EXPECT_NEAR(ring(NcclProtocol::ll128), 14 + inner * 2 + 14 * 4.0, 1e-9);
  EXPECT_NEAR(ring(NcclProtocol::simple), 8.4 + inner * 6 + 14 * 14, 1e-9);
  group = {.ranks = 8, .nodes = 1, .cpu = NcclCpu::amd};  // nothing is posted
  EXPECT_NEAR(ring(NcclProtocol::ll), 6.6 + 14 * .6, 1e-9);
}

TEST(NcclTuning, LlIsNeverAboveItsCap) {
  int cases = 0;
  for (const NcclCpu cpu : {NcclCpu::intel, NcclCpu::amd, NcclCpu::other})
    for (const std::int64_t nodes : {1, 2, 3, 4, 64, 16384})
      for (const NcclAlgorithm a : {NcclAlgorithm::ring, NcclAlgorithm::tree}) {
        const NcclGroup group{.ranks = 8 * nodes, .nodes = nodes, .cpu = cpu};
        const bool amd = cpu == NcclCpu::amd;
        const double cap = nodes == 1 ? 141 : nodes == 2 ? (amd ? 22.5 : 39) : (amd ? 19 : 20.4);
        const double ranks = static_cast<double>(group.ranks);
        for (double bytes = 1e6; bytes < 64e9; bytes *= 2) {
          const auto cost = nccl_cost(group, all_reduce, a, NcclProtocol::ll, eight, bytes);
          // The tree's own bus counts bytes twice, not 2 (n - 1) / n times.
          const double bus =
              cost->bus_bandwidth * (a == NcclAlgorithm::tree ? ranks / (ranks - 1) : 1);
          EXPECT_LE(bus, cap * gb * (1 + 1e-12));
          ++cases;
        }
      }
  EXPECT_EQ(cases, 3 * 6 * 2 * 16);
}

TEST(NcclTuning, SharpOpensCollNetAndNvlsAcrossNodes) {
  NcclGroup group = hoppers(32);
  using A = NcclAlgorithm;
  const auto time = [&](A a) { return time_us(group, a, NcclProtocol::simple, eight, 1e9); };
  for (const A a : {A::collnet_direct, A::collnet_chain, A::nvls}) EXPECT_LT(time(a), 0);
  group.sharp = true;
  EXPECT_NEAR(time(A::collnet_direct), 31 + 2 * (3.7 + 7 * .4) + 1e6 / (8 * 46 * .85 / 2), 1e-3);
  EXPECT_NEAR(time(A::collnet_chain), 30 + 2 * 7 * 2.8 + 1e6 / (8 * 46 / 2.), 1e-3);
  EXPECT_NEAR(time(A::nvls), 25 + 18 + 1e6 / (8 * 48 * 32 / 62.), 1e-3);
}

TEST(NcclTuning, NvlsTakesOverFromTheRingWhereItIsMeasuredToDo) {
  // Bus bandwidths on one HGX H200 by chips, in GB/s (stas00/ml-engineering, network/README.md):
  // up to 4 chips NCCL takes the ring; a ring gets NVLink's 18 x 20.6 GB/s (topo.h).
  struct Measured {
    std::int64_t chips;
    double bus;
  };
  const double nvlink = 370.8 * gb;
  const NcclChannels ring{8, nvlink / 8, 0};
  for (const auto& [chips, bus] :
       {Measured{3, 363}, Measured{4, 363}, Measured{5, 414}, Measured{6, 436}, Measured{8, 480}}) {
    const NcclGroup group{.ranks = chips, .nodes = 1};
    const NcclChannels nvls = nccl_nvls_channels(group, chips, nvlink, 0);
    const auto of_ring =
        nccl_cost(group, all_reduce, NcclAlgorithm::ring, NcclProtocol::simple, ring, 16 * gb);
    const auto of_nvls =
        nccl_cost(group, all_reduce, NcclAlgorithm::nvls, NcclProtocol::simple, nvls, 16 * gb);
    EXPECT_EQ(of_nvls->time<of_ring->time, chips> 4) << chips;
    EXPECT_NEAR(std::max(of_ring->bus_bandwidth, of_nvls->bus_bandwidth) / gb, bus, 0.03 * bus)
        << chips;
    // It does nothing for the other operations.
    EXPECT_GT(nccl_cost(group, Operation::all_gather, NcclAlgorithm::nvls, NcclProtocol::simple,
                        nvls, 16 * gb)
                  ->time,
              nccl_cost(group, Operation::all_gather, NcclAlgorithm::ring, NcclProtocol::simple,
                        ring, 16 * gb)
                  ->time);
  }
}

TEST(NcclTuning, LargeAllReducesOverAHundredThousandRanksTakeNoRing) {
  for (double bytes = 1e6; bytes <= 32e9; bytes *= 2) {
    const NcclGroup group = hoppers(131072);
    double ring = INFINITY;
    for (const NcclProtocol p : nccl_protocols)
      ring = std::min(ring, time_us(group, NcclAlgorithm::ring, p, eight, bytes));
    EXPECT_GT(ring, time_us(group, NcclAlgorithm::tree, NcclProtocol::simple, eight, bytes));
  }
}

}  // namespace
}  // namespace lockstep
