#include "engine/run/shards.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "engine/base/error.hpp"
#include "tests/unit/any_purpose.hpp"

namespace lockstep {
namespace {

std::vector<std::int64_t> random_costs(std::size_t blocks, std::uint64_t seed) {
  const Stream stream{seed, any_purpose, 0};
  std::vector<std::int64_t> cost;
  for (std::size_t i = 0; i < blocks; ++i) {
    const double u = stream.uniform(i, 0);
    cost.push_back(1 + static_cast<std::int64_t>(u < 0.1 ? 1e9 * u : 1e6 * u));
  }
  return cost;
}

std::int64_t total(const std::vector<std::int64_t>& blocks, const std::vector<std::int64_t>& cost) {
  std::int64_t sum = 0;
  for (std::int64_t block : blocks) sum += cost[static_cast<std::size_t>(block)];
  return sum;
}

TEST(Shards, EveryBlockIsInExactlyOneShard) {
  for (std::int64_t count : {1, 2, 3, 16, 100}) {
    const auto cost = random_costs(57, 11);
    std::multiset<std::int64_t> seen;
    for (std::int64_t index = 0; index < count; ++index)
      for (std::int64_t block : shard_blocks(cost, {index, count})) seen.insert(block);
    ASSERT_EQ(seen.size(), cost.size());
    for (std::int64_t block = 0; block < 57; ++block) EXPECT_EQ(seen.count(block), 1u);
  }
}

TEST(Shards, CostAboutTheSame) {
  const auto cost = random_costs(400, 12);
  const std::int64_t all = std::accumulate(cost.begin(), cost.end(), std::int64_t{0});
  const std::int64_t longest = *std::max_element(cost.begin(), cost.end());
  for (std::int64_t count : {2, 5, 16}) {
    std::int64_t most = 0, most_by_number = 0;
    for (std::int64_t index = 0; index < count; ++index) {
      most = std::max(most, total(shard_blocks(cost, {index, count}), cost));
      std::vector<std::int64_t> by_number;  // the control: consecutive blocks
      for (std::int64_t b = index * 400 / count; b < (index + 1) * 400 / count; ++b)
        by_number.push_back(b);
      most_by_number = std::max(most_by_number, total(by_number, cost));
    }
    const double best = std::max<double>(static_cast<double>(all) / static_cast<double>(count),
                                         static_cast<double>(longest));
    EXPECT_LE(static_cast<double>(most), 4.0 / 3.0 * best);
    EXPECT_LT(most, most_by_number);
  }
}

TEST(Shards, TiesGoByNumber) {
  const std::vector<std::int64_t> equal(6, 5);
  EXPECT_EQ(shard_blocks(equal, {0, 3}), (std::vector<std::int64_t>{0, 3}));
  EXPECT_EQ(shard_blocks(equal, {2, 3}), (std::vector<std::int64_t>{2, 5}));
}

TEST(Shards, TextIsIndexOfCount) {
  EXPECT_EQ(parse_shard("3/8").index, 3);
  EXPECT_EQ(parse_shard("3/8").count, 8);
  for (const char* bad : {"", "3", "/", "3/", "/8", "8/8", "-1/8", "1/0", "a/b", "1/2/3", "1.5/2"})
    EXPECT_THROW(parse_shard(bad), InputError) << bad;
}

}  // namespace
}  // namespace lockstep
