#include "engine/base/text/nearest.hpp"

#include <gtest/gtest.h>

#include "engine/base/text/text.hpp"

namespace lockstep {
namespace {

constexpr std::string_view known[] = {
    "ring", "tree", "hierarchical_ring", "torus", "mean", "ocs_torus", "median", "kB", "MB", "B"};

TEST(NearestName, FindsWhatWasMeant) {
  EXPECT_EQ(nearest_name("ring", known), "ring");
  EXPECT_EQ(nearest_name("rnig", known), "ring") << "a swap is one edit";
  EXPECT_EQ(nearest_name("rin", known), "ring");
  EXPECT_EQ(nearest_name("rings", known), "ring");
  EXPECT_EQ(nearest_name("tere", known), "tree");
  EXPECT_EQ(nearest_name("hierachical_rng", known), "hierarchical_ring");
  EXPECT_EQ(nearest_name("ocs-torus", known), "ocs_torus");
  EXPECT_EQ(nearest_name("meann", known), "mean");
  EXPECT_EQ(nearest_name("KB", known), "kB") << "case is half an edit";
  constexpr std::string_view chips[] = {"A100", "H100", "H200"};
  EXPECT_EQ(nearest_name("H1OO", chips), "H100") << "so is a letter that looks like a digit";
  EXPECT_EQ(nearest_name("Hl00", chips), "H100");
}

TEST(NearestName, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name("x", known), "") << "all letters would change";
  EXPECT_EQ(nearest_name("butterfly", known), "");
  EXPECT_EQ(nearest_name("ring", {}), "");
}

TEST(NearestName, TakesTheEarlierOfEquals) {
  constexpr std::string_view pair[] = {"bone", "cone"};
  EXPECT_EQ(nearest_name("done", pair), "bone");
}

TEST(Text, CountsAndNamesAsOneSpeaks) {
  EXPECT_EQ(counted(1, "chip"), "1 chip");
  EXPECT_EQ(counted(0, "chip"), "0 chips");
  EXPECT_EQ(counted(2, "line"), "2 lines");
  for (const char* name : {"H100", "A100", "MI300X", "L40S", "RTX6000", "h100", "own", "Ascend"})
    EXPECT_EQ(with_article(name), std::string("an ") + name);
  for (const char* name : {"B200", "GB200", "TPUv4", "half", "Hopper", "Maia", "7x"})
    EXPECT_EQ(with_article(name), std::string("a ") + name);
}

TEST(Text, SplitsOutsideParentheses) {
  using Pieces = std::vector<std::string_view>;
  EXPECT_EQ(split_outside_parentheses("a, f(b, c) ,d", ','), (Pieces{"a", "f(b, c)", "d"}));
  EXPECT_EQ(split_outside_parentheses("a,,b", ','), (Pieces{"a", "", "b"}));
  EXPECT_EQ(split_outside_parentheses(" ", ','), Pieces{});
  EXPECT_EQ(trimmed("\t a b \r"), "a b");
  EXPECT_EQ(trimmed(" \n"), "");
}

}  // namespace
}  // namespace lockstep
