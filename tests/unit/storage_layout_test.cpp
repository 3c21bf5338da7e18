#include "engine/storage/result_layout.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "tests/storage/sample.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t mebibyte = std::int64_t{1} << 20;

TEST(StorageLayout, ChunksHoldWholeBlocksUpToOneMebibyte) {
  struct Case {
    std::int64_t trials, steps, block, results, shard;
  };
  const Case cases[] = {
      {40, 5, 16, 40, 16},           // all trials fit
      {1 << 20, 1, 16, 131072, 16},  // exactly 1 MiB
      {100000, 3, 16, 43680, 16},    // 2730 blocks of 384 B
      {1000, 8192, 16, 16, 16},      // one block is exactly 1 MiB
      {1000, 8193, 16, 8, 8},        // half a block
      {1000, 30000, 15, 3, 3},       // 4 trials fit, 3 divide the block
      {1000, 30000, 7, 1, 1},        // a prime block: single trials
      {1000, 1 << 20, 16, 1, 1},     // one trial is larger than a chunk
      {10, 8193, 16, 8, 8},          // fewer trials than a block
      {3, 5, 16, 3, 3},
  };
  for (const Case& c : cases) {
    ResultSchema schema =
        sample::make_schema({.axes = false, .trials = c.trials, .steps = c.steps});
    schema.block_trials = c.block;
    EXPECT_EQ(chunk_trials(schema, schema.variables[0], false), c.results) << c.steps;
    EXPECT_EQ(chunk_trials(schema, schema.variables[0], true), c.shard) << c.steps;
    EXPECT_TRUE(c.results == 1 || c.results * c.steps * 8 <= mebibyte);
  }
}

TEST(StorageLayout, BlocksAreNumberedPointMajor) {
  const ResultSchema schema = sample::make_schema({});  // 6 points, 40 trials, blocks of 16
  ASSERT_EQ(schema.blocks(), 18);
  const BlockResult last = place_of(schema, 17), middle = place_of(schema, 4);
  EXPECT_EQ(last.point, 5);
  EXPECT_EQ(last.first_trial, 32);
  EXPECT_EQ(last.trials, 8);
  EXPECT_EQ(middle.point, 1);
  EXPECT_EQ(middle.first_trial, 16);
  EXPECT_EQ(middle.trials, 16);
}

// Digests of files that are there depend on every character.
TEST(StorageLayout, NumbersOfDigestsAreThoseOfPrintf) {
  std::vector<double> numbers{0.0,      -0.0,      1.0,         -1.0,      0.1,
                              -1e300,   0x1p-1074, 0x1.8p-1070, 0x1p-1022, 0x1.fffffffffffffp1023,
                              INFINITY, -INFINITY, NAN};
  std::mt19937_64 bits(7);
  for (int i = 0; i < 10000; ++i) numbers.push_back(std::bit_cast<double>(bits()));
  for (const double number : numbers) {
    char text[40];
    std::snprintf(text, sizeof text, "%a", number);
    EXPECT_EQ(hexadecimal(number), text);
    EXPECT_EQ(hexadecimal(number), fmt::format("{:a}", number));
  }
}

TEST(StorageLayout, DigestSeesEveryField) {
  const ResultSchema schema = sample::make_schema({});
  const auto digest_after = [&](auto change) {
    ResultSchema changed = schema;
    change(changed);
    return layout_digest(changed);
  };
  const std::string same = layout_digest(schema);
  EXPECT_EQ(digest_after([](ResultSchema& s) { s.title = "other"; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.trials = 41; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.block_trials = 8; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.steps = 6; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.resolved_parameters += "x"; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.axes[0].labels[2] = "mesh"; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.axes[1].numbers[1] = 2e-6; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.axes[1].units = "s"; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { std::swap(s.axes[0], s.axes[1]); }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.extents[0].labels[0] = "H200"; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.variables[0].units = "h"; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.variables[1].extents.pop_back(); }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.point_variables[0].numbers[3] += 1; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.point_variables[1].texts[3] = "?"; }), same);
  EXPECT_NE(digest_after([](ResultSchema& s) { s.point_variables[2].extents[0] = "cause"; }), same);
}

}  // namespace
}  // namespace lockstep
