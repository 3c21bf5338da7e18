// Operations that are no all-reduce: closed forms and bounds on equal hops, what they share with
// the all-reduce, and groups other than the data-parallel ones.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

constexpr UniformHops hops{2e-6, 25e9, 1e8};

Settings uniform_fabric(std::int64_t chips) {
  return {{"fleet.chips", fmt::format("H100:{}", chips)},
          {"fabric.hop_latency", "2us"},
          {"fabric.hop_bandwidth", "25GB/s"}};
}

/// All ready at 0: when the last has finished [s].
double time_of(const TopologyCase& c) {
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  return *std::max_element(finish.begin(), finish.end());
}

TEST(Operations, ByTheKindOrByOneThatHasThem) {
  for (const TopologyKind* kind : topology_kinds())
    for (const OperationRow& row : operation_rows) {
      if (kind->operations.size() < operation_rows.size() && !kind->stand_in) continue;
      const TopologyKind& runner = runner_of(*kind, row.operation);
      EXPECT_NE(std::find(runner.operations.begin(), runner.operations.end(), row.operation),
                runner.operations.end());
      EXPECT_EQ(name_of(row.operation), row.name);
    }
  // NCCL has no tree for reduce-scatter (src/graph/tuning.cc).
  EXPECT_EQ(runner_of(kind_named("tree"), Operation::reduce_scatter).name, "ring");
}

TEST(Operations, SwitchedClosedFormsOnEqualHops) {
  for (std::int64_t n : {2, 3, 7, 8, 31, 64}) {
    const auto ranks = static_cast<double>(n);
    const double lap = (ranks - 1) * (hops.latency + hops.bytes / ranks / hops.bandwidth);
    const std::map<Operation, double> expected{
        {Operation::reduce_scatter, lap},
        {Operation::all_gather, lap},
        {Operation::all_to_all, hops.latency + hops.bytes * (ranks - 1) / ranks / hops.bandwidth},
        {Operation::send, hops.latency + hops.bytes / hops.bandwidth}};
    for (const auto& [operation, time] : expected) {
      const TopologyCase c(kind_named("ring"), uniform_fabric(n), 1, 1, hops.bytes, no_settings,
                           operation);
      EXPECT_NEAR(time_of(c), time, 1e-12 * time) << c.name;
    }
  }
}

/// Reduce-scatter, then all-gather, is the all-reduce of rings and tori; both begin with a
/// start-up. Of hierarchical rings in one chunk, where all ranks have a rail: chunks overlap what
/// is gathered with what is scattered.
TEST(Operations, ReduceScatterAndAllGatherAreTheAllReduce) {
  for (std::string_view kind : {"ring", "hierarchical_ring", "torus"})
    for (std::int64_t n : {2, 5, 8, 27, 64}) {
      const TopologyRow* row = find_topology_row(kind_named(kind));
      ASSERT_NE(row, nullptr);
      std::map<Operation, double> time;
      for (Operation operation :
           {Operation::all_reduce, Operation::reduce_scatter, Operation::all_gather}) {
        const auto has = kind_named(kind).operations;
        if (std::find(has.begin(), has.end(), operation) == has.end()) break;  // others stand in
        Settings settings = uniform_fabric(n);
        if (kind == "hierarchical_ring") settings.emplace_back("topology.chunks", "1");
        time[operation] = time_of(
            TopologyCase(kind_named(kind), settings, 1, 1, hops.bytes, row->settings, operation));
      }
      if (time.size() < 3) continue;
      const double sum = time[Operation::reduce_scatter] + time[Operation::all_gather],
                   whole = time[Operation::all_reduce];
      EXPECT_GE(sum, whole * (1 - 1e-9)) << kind << " " << n;
      if (kind == "hierarchical_ring" && rails_of(n).folds) continue;
      EXPECT_NEAR(sum, whole, 1e-9 * whole) << kind << " " << n;
    }
}

/// In the switches every NIC's port is used one way at a time, of which an all-reduce uses both at
/// once: a part of it takes no longer than all, and both together no less.
TEST(Operations, ReduceScatterInTheSwitchesIsPartOfTheAllReduce) {
  for (const Settings& fabric :
       {Settings{}, Settings{{"fabric.hop_latency", "2us"}, {"fabric.hop_bandwidth", "25GB/s"}}})
    for (std::int64_t n : {2, 5, 8, 12, 64, 200}) {
      std::map<Operation, double> time;
      for (Operation operation :
           {Operation::all_reduce, Operation::reduce_scatter, Operation::all_gather}) {
        Settings settings = fabric;
        settings.emplace_back("fleet.chips", fmt::format("H100:{}", n));
        time[operation] = time_of(TopologyCase(kind_named("switch_reduce"), settings, 1, 1,
                                               hops.bytes, no_settings, operation));
      }
      const double whole = time[Operation::all_reduce], scatter = time[Operation::reduce_scatter],
                   gather = time[Operation::all_gather];
      EXPECT_LE(std::max(scatter, gather), whole * (1 + 1e-12)) << n;
      EXPECT_GE(scatter + gather, whole * (1 - 1e-12)) << n;
    }
}

/// 1,024 H100 in domains of 8 under one pod: an eighth of the buffer goes up each NIC, of which a
/// rank gets 1 / 128 back.
TEST(Operations, ReduceScatterInTheSwitchesTakesWhatItsBytesSay) {
  constexpr double bytes = 1e9;
  const double nic = bytes / 8 / (0.95 * 50e9), nvlink = 7.0 / 8 * bytes / 450e9;
  for (Operation operation : {Operation::reduce_scatter, Operation::all_gather}) {
    const double time =
        time_of(TopologyCase(kind_named("switch_reduce"), {{"fleet.chips", "H100:1024"}}, 1, 1,
                             bytes, no_settings, operation));
    EXPECT_GT(time, std::max(nic * 127 / 128, nvlink));
    EXPECT_LT(time, 1.1 * std::max(nic, nvlink));
  }
}

/// Bytes through each rank's ports, by the message graph: no operation moves fewer than it must.
TEST(Operations, RanksSendAndGetWhatTheyMust) {
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    ASSERT_NE(row, nullptr);
    for (Operation operation : kind->operations) {
      if (operation == Operation::all_reduce) continue;
      for (std::int64_t n : {2, 5, 8, 27}) {
        const TopologyCase c(*kind, uniform_fabric(n), 1, 1, hops.bytes, row->settings, operation);
        const MessageGraph graph = c.collective->graph(0, {});
        std::vector<double> sent(static_cast<std::size_t>(graph.vertices())), got(sent);
        for (const Message& m : graph.messages) {
          sent[static_cast<std::size_t>(m.source)] += m.bytes;
          got[static_cast<std::size_t>(m.destination)] += m.bytes;
        }
        const auto ranks = static_cast<double>(n);
        const double share =
            operation == Operation::send ? 1 : (ranks - 1) / ranks;  // of the buffer, of each rank
        for (std::int64_t r = 0; r < n; ++r) {
          const auto at = static_cast<std::size_t>(r);
          const bool sends = operation != Operation::send || r + 1 < n;
          const bool gets = operation != Operation::send || r > 0;
          if (operation != Operation::all_gather && sends) {
            EXPECT_GE(sent[at], share * hops.bytes * (1 - 1e-12)) << c.name;
          }
          if (operation != Operation::reduce_scatter && gets) {
            EXPECT_GE(got[at], share * hops.bytes * (1 - 1e-12)) << c.name;
          }
        }
      }
    }
  }
}

/// Eight H100 share NVLink; all-to-all over 32 has 7 of 31 parts inside, which NVLink carries
/// beside the NIC. 24 parts of 1 / 32 of the buffer at 50 GB/s.
TEST(Operations, AllToAllSendsInsideAndAcrossAtOnce) {
  const TopologyCase c(kind_named("ring"),
                       {{"fleet.chips", "H100:32"},
                        {"chip.H100.injection_bandwidth", "50GB/s"},
                        {"fabric.network_efficiency", "1"},
                        {"fabric.protocol", "Simple"}},
                       1, 1, 32e9, no_settings, Operation::all_to_all);
  const double across = 24e9 / 50e9;
  EXPECT_GT(time_of(c), across);
  EXPECT_NEAR(time_of(c), across, 1e-3 * across);  // and some microseconds
}

/// What leaves a leaf of 16 chips at an eighth of their rate: 48 of 63 parts of all-to-all.
TEST(Operations, AllToAllWaitsForNarrowUplinks) {
  const TopologyCase c(kind_named("ring"),
                       {{"fleet.chips", "H100:64"},
                        {"chip.H100.injection_bandwidth", "50GB/s"},
                        {"fabric.network_efficiency", "1"},
                        {"fabric.protocol", "Simple"},
                        {"fabric.spine_oversubscription", "8"}},
                       1, 1, 64e9, no_settings, Operation::all_to_all);
  const double uplink = 16 * 48e9 / (16 * 50e9 / 8);
  EXPECT_NEAR(time_of(c), uplink, 0.2 * uplink);  // the rest is below the leaf
}

TEST(Regroup, TensorGroupsPipelinesAndDataGroups) {
  const Fleet fleet = fleet_from(make_values({{"fleet.chips", "H100:48"}}));
  const Layout layout = arrange(fleet, place(fleet, 7), 4, 3, 4);
  ASSERT_EQ(layout.replicas, 4);
  const Layout tensor = regroup(layout, {4, 1}), pipeline = regroup(layout, {3, 4}),
               data = regroup(layout, {4, 12});
  EXPECT_EQ(tensor.groups(), 12);
  EXPECT_EQ(tensor.replicas, 4);
  EXPECT_EQ(pipeline.groups(), 16);
  EXPECT_EQ(data.slot, layout.slot);
  for (std::int64_t replica = 0; replica < 4; ++replica)
    for (std::int64_t stage = 0; stage < 3; ++stage)
      for (std::int64_t t = 0; t < 4; ++t) {
        const auto slot = layout.slot[static_cast<std::size_t>(layout.at(stage * 4 + t, replica))];
        EXPECT_EQ(slot, tensor.slot[static_cast<std::size_t>(tensor.at(replica * 3 + stage, t))]);
        EXPECT_EQ(slot,
                  pipeline.slot[static_cast<std::size_t>(pipeline.at(replica * 4 + t, stage))]);
      }
}

}  // namespace
}  // namespace lockstep::test
