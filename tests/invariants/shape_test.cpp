// The shapes topologies are built on: double binary trees and tori of cubes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "engine/base/error.hpp"
#include "tests/invariants/torus_shapes.hpp"
#include "topologies/algorithms/tree/double_binary_tree.hpp"
#include "topologies/wiring/torus_candidates.hpp"

namespace lockstep::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(BinaryTreeParents, DrawnBySixNodes) {
  EXPECT_THAT(binary_tree_parents(6, false), ElementsAre(-1, 2, 4, 2, 0, 4));
  EXPECT_THAT(binary_tree_parents(6, true), ElementsAre(1, 5, 3, 1, 3, -1));
}

TEST(BinaryTreeParents, AreTreesOfLogarithmicDepthThatShareTheLoad) {
  for (std::int32_t nodes = 1; nodes <= 700; ++nodes) {
    std::int32_t log2 = 0;
    while ((1 << log2) < nodes) ++log2;
    std::vector<int> children_of_both(static_cast<std::size_t>(nodes), 0);
    std::vector<int> trees_with_children(static_cast<std::size_t>(nodes), 0);
    std::vector<std::int32_t> roots;
    for (bool second : {false, true}) {
      const auto parents = binary_tree_parents(nodes, second);
      std::vector<int> children(static_cast<std::size_t>(nodes), 0);
      for (std::int32_t node = 0; node < nodes; ++node) {
        std::int32_t depth = 0, at = node;
        for (; parents[static_cast<std::size_t>(at)] >= 0 && depth <= nodes; ++depth)
          at = parents[static_cast<std::size_t>(at)];
        ASSERT_LE(depth, log2 + 1) << nodes << " nodes, node " << node;
        if (parents[static_cast<std::size_t>(node)] < 0)
          roots.push_back(node);
        else
          ++children[static_cast<std::size_t>(parents[static_cast<std::size_t>(node)])];
      }
      for (std::size_t node = 0; node < children.size(); ++node) {
        ASSERT_LE(children[node], 2) << nodes << " nodes, node " << node;
        children_of_both[node] += children[node];
        trees_with_children[node] += children[node] > 0;
      }
    }
    ASSERT_EQ(roots.size(), 2u) << nodes << " nodes: one root in each tree";
    for (std::size_t node = 0; node < children_of_both.size(); ++node) {
      ASSERT_LE(children_of_both[node], 2) << nodes << " nodes, node " << node;
      // Only the root of the first tree over an odd count is an inner node of both.
      if (trees_with_children[node] == 2) {
        ASSERT_EQ(node, 0u) << nodes;
        ASSERT_EQ(nodes % 2, 1) << nodes;
      }
    }
  }
}

void expect_sound(const TorusShape& s, std::int64_t chips, std::int64_t model_parallel) {
  EXPECT_LE(s.volume(), chips);
  EXPECT_EQ(s.box()[0] * s.box()[1] * s.box()[2], model_parallel);
  for (std::size_t d = 0; d < 3; ++d) {
    EXPECT_GE(s.box()[d], 1);
    EXPECT_EQ(s.chips[d] % s.box()[d], 0);
    EXPECT_EQ(s.chips[d] % (chips >= 64 ? 4 : 1), 0) << "whole cubes";
  }
  const auto groups = s.groups();
  EXPECT_EQ(groups[0] * groups[1] * groups[2] * model_parallel, s.volume());
}

TEST(TorusShape, IsSoundAndStaysTheSameOnItsOwnChips) {
  std::int64_t found = 0;
  std::vector<std::int64_t> counts;
  for (std::int64_t chips = 1; chips <= 130; ++chips) counts.push_back(chips);
  for (std::int64_t chips = 131; chips < 20000; chips = chips * 13 / 11 + 1)
    counts.push_back(chips);
  counts.insert(counts.end(), {4096, 8960, 65536, 131072, 220000, 300000});
  for (std::int64_t chips : counts)
    for (std::int64_t model_parallel : {1, 2, 3, 8, 12, 13, 16, 64, 128, 256, 1024}) {
      if (model_parallel > chips) continue;
      SCOPED_TRACE(testing::Message() << chips << " chips, " << model_parallel);
      TorusShape shape;
      try {
        shape = torus_shape("auto", chips, model_parallel);
      } catch (const InputError& error) {
        // No torus of cubes: powers of two always have one from 64 chips and one box on.
        EXPECT_FALSE((model_parallel & (model_parallel - 1)) == 0 && chips >= 64);
        EXPECT_THAT(error.what(), HasSubstr("topology.shape"));
        continue;
      }
      ++found;
      expect_sound(shape, chips, model_parallel);
      const TorusShape again = torus_shape("auto", shape.volume(), model_parallel);
      EXPECT_EQ(again.chips, shape.chips);
      EXPECT_EQ(again.box(), shape.box());
    }
  EXPECT_GT(found, 1000);
}

/// A torus of cubes with sides within a factor of two leaves up to 11 % idle near 90 cubes (5,759
/// chips, where 80 cubes are the best), and less than 3 % from 48,384 chips on.
TEST(TorusShape, UsesMostOfALargeFleet) {
  for (std::int64_t model_parallel : {1, 128}) {
    std::int64_t large = 0;
    for (std::int64_t chips = 4096; chips < 300000; chips += 1 + chips / 500) {
      const double used = static_cast<double>(torus_shape("auto", chips, model_parallel).volume()) /
                          static_cast<double>(chips);
      ASSERT_GE(used, chips >= 48384 ? 0.97 : 0.885) << chips << " chips, " << model_parallel;
      large += chips >= 48384;
    }
    EXPECT_GT(large, 500);
  }
}

/// Every torus of cubes with sides within a factor of two, tried one by one.
std::int64_t most_chips_by_trial(std::int64_t chips, std::int64_t model_parallel) {
  std::int64_t most = 0;
  for (std::int64_t x = 4; x * x * x <= chips; x += 4)
    for (std::int64_t y = x; x * y * y <= chips && y <= 2 * x; y += 4)
      for (std::int64_t z = y; x * y * z <= chips && z <= 2 * x; z += 4) {
        bool fits = false;
        for (std::int64_t a = 1; a <= model_parallel; ++a)
          for (std::int64_t b = 1; a * b <= model_parallel && !fits; ++b)
            fits = model_parallel % (a * b) == 0 && x % a == 0 && y % b == 0 &&
                   z % (model_parallel / (a * b)) == 0;
        if (fits) most = std::max(most, x * y * z);
      }
  return most;
}

TEST(TorusShape, FindsTheTorusThatUsesMostChips) {
  std::int64_t compared = 0;
  for (std::int64_t model_parallel : {1, 2, 16, 24, 128})
    for (std::int64_t chips = 64; chips < 12000; chips = chips * 21 / 20 + 1) {
      const std::int64_t most = most_chips_by_trial(chips, model_parallel);
      if (most == 0) continue;  // only a longer one fits
      EXPECT_EQ(torus_shape("auto", chips, model_parallel).volume(), most)
          << chips << " chips, " << model_parallel;
      ++compared;
    }
  EXPECT_GT(compared, 300);
}

TEST(TorusShape, KnownShapes) {
  EXPECT_THAT(torus_shape("auto", 4096, 1).chips, ElementsAre(16, 16, 16));
  EXPECT_THAT(torus_shape("auto", 4096, 64).box(), ElementsAre(4, 4, 4));
  EXPECT_THAT(torus_shape("auto", 220000, 128).chips, ElementsAre(48, 52, 88));
  EXPECT_THAT(torus_shape("auto", 220000, 128).box(), ElementsAre(4, 4, 8));
  EXPECT_THAT(torus_shape("auto", 8, 1).chips, ElementsAre(2, 2, 2));
  EXPECT_THAT(torus_shape("16x20x28", 8960, 1).chips, ElementsAre(16, 20, 28));
  EXPECT_THAT(torus_shape("3x5x13", 195, 13).box(), ElementsAre(1, 1, 13));
  EXPECT_THAT(torus_shape("1x1x1", 1, 1).groups(), ElementsAre(1, 1, 1));
}

TEST(TorusShape, RefusesWhatCannotBe) {
  struct Bad {
    const char* given;
    std::int64_t chips, model_parallel;
    const char* reason;
  };
  const std::vector<Bad> bad{
      {"", 64, 1, "three sides"},
      {"cube", 64, 1, "three sides"},
      {"4x4", 64, 1, "three sides"},
      {"4x4x", 64, 1, "three sides"},
      {"4x4x4x4", 1024, 1, "three sides"},
      {"4x4x4 ", 64, 1, "three sides"},
      {"4X4X4", 64, 1, "three sides"},
      {"4x-4x4", 64, 1, "three sides"},
      {"0x4x4", 64, 1, "three sides"},
      {"4x4x4.5", 512, 1, "three sides"},
      {"4x4x99999999999999999999", 64, 1, "three sides"},
      {"16777216x16777216x16777216", 64, 1, "more than the 64 chips"},
      {"8x8x8", 511, 1, "more than the 511 chips"},
      {"8x8x8", 512, 3, "no box"},
      {"2x2x2", 8, 16, "no box"},
      {"auto", 100, 7, "no torus"},
      {"auto", 8, 16, "no torus"},
  };
  for (const Bad& b : bad) {
    try {
      TorusQuestion question;
      question.wiring = {.unit = torus_cube_side, .optical = true};
      question.tensor = b.model_parallel;
      if (b.given != std::string_view("auto"))
        question.chips = read_sides("topology.shape", b.given);
      torus_candidates(question, b.chips, false);
      ADD_FAILURE() << "'" << b.given << "' was taken";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr(b.reason)) << b.given;
    }
  }
}

}  // namespace
}  // namespace lockstep::test
