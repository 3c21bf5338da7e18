// Bus bandwidths of large collectives as NCCL's tests print them, against measurements that no
// constant of the model was fitted to: stas00/ml-engineering, network/README.md, with slide 12 of
// NVIDIA GTC'25 S72583 in it.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/invariants/topology_case.hpp"

namespace lockstep::test {
namespace {

struct Measured {
  const char *kind, *chips;
  double least, most;  ///< [GB/s]
  Operation operation = Operation::all_reduce;
  Settings settings = {};
};

double bus(const Measured& m, double bytes, std::string* choice = nullptr) {
  Settings settings = m.settings;
  settings.emplace_back("fleet.chips", m.chips);
  const TopologyCase c(
      kind_named(m.kind), settings, 1, 1, bytes,
      [](std::int64_t, std::int64_t) { return Settings{}; }, m.operation);
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  if (choice) *choice = c.collective->choice();
  const double factor = operation_rows[static_cast<std::size_t>(m.operation)].bus_factor(
      static_cast<double>(c.ranks()));
  return factor * bytes / *std::ranges::max_element(finish) / 1e9;
}

TEST(NcclBus, IsWithinATenthOfWhatIsMeasured) {
  for (const Measured& m : {
           Measured{"ring", "A100:8", 232, 235},
           {"ring", "H100:8", 367, 370},
           {"ring", "B200:8", 680, 700},
           {"ring", "H200:8", 361, 361, Operation::all_gather},
           {"ring", "H200:8", 363, 363, Operation::reduce_scatter},
           {"ring", "H200:4", 363, 363},
           {"ring", "A100:32", 192, 192},
           {"ring", "H100:32", 370, 380},
           {"ring", "GB200:32", 680, 680},
           {"ring", "GB200:72", 680, 680},
           {"nccl", "A100:8", 232, 235},
           {"nccl", "H200:4", 363, 363},
           {"nccl", "H200:5", 414, 414},
           {"nccl", "H200:6", 436, 436},
           {"nccl", "H100:8", 480, 480},
           {"nccl", "B200:8", 838, 850},
           {"nccl", "GB200:32", 850, 850},
           {"nccl", "GB200:72", 850, 850},
           {"nccl", "H100:32", 370, 380},
           {"nccl", "A100:32", 192, 192},
           {"nccl", "H200:8", 361, 361, Operation::all_gather},
           {"nccl", "H200:8", 363, 363, Operation::reduce_scatter},
           {"ring", "A100:8", 210, 210, Operation::all_to_all},
           {"ring", "H100:8", 320, 320, Operation::all_to_all},
           {"ring", "B200:8", 640, 640, Operation::all_to_all},
           {"ring", "GB200:72", 640, 640, Operation::all_to_all},
       }) {
    std::string choice;
    const double got = bus(m, 16e9, &choice);
    const std::string what = fmt::format("{} of {}, {}: {:.1f} ({})", m.kind, m.chips,
                                         name_of(m.operation), got, choice);
    EXPECT_GE(got, 0.9 * m.least) << what;
    EXPECT_LE(got, 1.1 * m.most) << what;
  }
  // It would tell: a link at its nominal bandwidth is a fifth too fast.
  EXPECT_GT(
      bus({"ring", "H100:8", 0, 0, Operation::all_reduce, {{"fabric.scale_up_efficiency", "1"}}},
          16e9),
      1.1 * 370);
}

/// DeepEP, version 2, README: dispatch and combine over two and four nodes of H100 and two of B200,
/// a rank's own part counted. NCCL's own all-to-all is slower over four: 48 GB/s of bus.
TEST(NcclBus, AllToAllOverNicsIsWhatDeepEpMoves) {
  for (const auto& [chips, ranks, moved] :
       {std::tuple{"H100:16", 16., 90.}, {"H100:32", 32., 61.}, {"B200:16", 16., 91.}}) {
    const double with_own =
        bus({"ring", chips, 0, 0, Operation::all_to_all}, 16e9) * ranks / (ranks - 1);
    EXPECT_NEAR(with_own, moved, 0.05 * moved) << chips;
  }
}

TEST(NcclBus, OfAllRanksOnADomainsNicsIsThatOfAllOfThem) {
  // A rack of 72, one rank a chip of eight replicas: nine NICs of each group.
  const TopologyCase c(kind_named("ring"), {{"fleet.chips", "GB200:144"}}, 8, 1, 4e9,
                       [](std::int64_t, std::int64_t) { return Settings{}; });
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  const double time = *std::ranges::max_element(finish);
  EXPECT_NEAR(2 * 17 / 18. * 4e9 / time / 1e9, 9 * 47, 0.02 * 9 * 47);
}

/// NCCL never takes the flat ring for a large all-reduce over 131,072 ranks, nor LL for one.
TEST(NcclBus, NoFlatRingOverAHundredThousandRanks) {
  for (double bytes = 1e6; bytes < 64e9; bytes *= 32) {
    const TopologyCase c(kind_named("nccl"), {{"fleet.chips", "H100:131072"}}, 1, 1, bytes,
                         [](std::int64_t, std::int64_t) { return Settings{}; });
    const std::string choice = c.collective->choice();
    EXPECT_TRUE(choice.starts_with("tree, ") || choice.starts_with("NVLS tree, ")) << choice;
    if (bytes > 1e9) {
      EXPECT_TRUE(choice.find("LL,") == std::string::npos) << choice;
    }
  }
}

}  // namespace
}  // namespace lockstep::test
