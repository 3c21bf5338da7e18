#include "topologies/wiring/box_packing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "tests/unit/any_purpose.hpp"

namespace lockstep {
namespace {

using Sides = BoxPacking::Sides;
using Cells = std::vector<std::uint8_t>;

std::size_t volume(const Sides& sides) {
  return static_cast<std::size_t>(sides[0] * sides[1] * sides[2]);
}

/// All places of the box, each a sorted list of cells, straight from the definition.
std::set<std::vector<std::size_t>> places(const Sides& torus, Sides box) {
  std::set<std::vector<std::size_t>> all;
  std::sort(box.begin(), box.end());
  do {
    if (box[0] > torus[0] || box[1] > torus[1] || box[2] > torus[2]) continue;
    for (std::int64_t x = 0; x < torus[0]; ++x)
      for (std::int64_t y = 0; y < torus[1]; ++y)
        for (std::int64_t z = 0; z < torus[2]; ++z) {
          std::vector<std::size_t> cells;
          for (std::int64_t i = x; i < x + box[0]; ++i)
            for (std::int64_t j = y; j < y + box[1]; ++j)
              for (std::int64_t k = z; k < z + box[2]; ++k)
                cells.push_back(static_cast<std::size_t>(
                    ((i % torus[0]) * torus[1] + j % torus[1]) * torus[2] + k % torus[2]));
          std::sort(cells.begin(), cells.end());
          all.insert(cells);
        }
  } while (std::next_permutation(box.begin(), box.end()));
  return all;
}

/// The most disjoint places among the free cells: the first free cell is in one of them or in none.
class BruteForce {
 public:
  BruteForce(const Sides& torus, const Sides& box) : places_(places(torus, box)) {}

  std::int64_t most(const Cells& free) {
    const auto first = std::find(free.begin(), free.end(), 1);
    if (first == free.end()) return 0;
    const std::vector<bool> key(free.begin(), free.end());
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    Cells rest = free;
    const auto cell = static_cast<std::size_t>(first - free.begin());
    rest[cell] = 0;
    std::int64_t best = most(rest);
    for (const auto& place : places_) {
      if (!std::binary_search(place.begin(), place.end(), cell)) continue;
      if (!std::all_of(place.begin(), place.end(), [&](std::size_t c) { return free[c] == 1; }))
        continue;
      rest = free;
      for (const std::size_t c : place) rest[c] = 0;
      best = std::max(best, 1 + most(rest));
    }
    return known_[key] = best;
  }

 private:
  std::set<std::vector<std::size_t>> places_;
  std::map<std::vector<bool>, std::int64_t> known_;
};

Cells random_cells(std::size_t count, double share, std::uint32_t trial) {
  const Stream stream{7, any_purpose, trial};
  Cells cells;
  for (std::size_t i = 0; i < count; ++i) cells.push_back(stream.uniform(i, 0) < share ? 1 : 0);
  return cells;
}

TEST(BoxPacking, EqualsBruteForceOnAllSetsOfCells) {
  std::int64_t sets = 0, boxes = 0;
  for (auto [torus, box] : {std::pair{Sides{2, 2, 2}, Sides{1, 1, 2}},
                            {Sides{2, 2, 3}, Sides{1, 2, 2}},
                            {Sides{1, 3, 4}, Sides{1, 1, 3}},
                            {Sides{1, 3, 4}, Sides{1, 2, 2}},
                            {Sides{1, 1, 12}, Sides{1, 1, 5}},
                            {Sides{3, 2, 2}, Sides{2, 2, 2}}}) {
    const BoxPacking packing(torus, box);
    ASSERT_TRUE(packing.exact());
    BruteForce brute(torus, box);
    for (std::uint32_t set = 0; set < 1u << volume(torus); ++set) {
      Cells cells(volume(torus));
      for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = set >> i & 1;
      const std::int64_t expected = brute.most(cells);
      ASSERT_EQ(packing.most(cells), expected)
          << fmt::format("{} in {}, set {}", fmt::join(box, "x"), fmt::join(torus, "x"), set);
      ++sets;
      boxes += expected;
    }
  }
  EXPECT_EQ(sets, 256 + 5 * 4096);
  EXPECT_GT(boxes, 1000);
}

TEST(BoxPacking, EqualsBruteForceOnRandomSetsOfCells) {
  std::int64_t short_of_cells = 0;  // fewer boxes than the cells alone would allow
  for (auto [torus, box] : {std::pair{Sides{3, 3, 3}, Sides{1, 2, 2}},
                            {Sides{4, 4, 2}, Sides{1, 2, 2}},
                            {Sides{4, 4, 2}, Sides{2, 2, 2}},
                            {Sides{3, 4, 3}, Sides{1, 2, 3}},
                            {Sides{4, 4, 4}, Sides{2, 2, 4}},
                            {Sides{4, 4, 4}, Sides{2, 4, 4}},
                            {Sides{4, 4, 4}, Sides{3, 4, 4}}}) {
    const BoxPacking packing(torus, box);
    BruteForce brute(torus, box);
    for (std::uint32_t trial = 0; trial < 60; ++trial) {
      const Cells cells = random_cells(volume(torus), 0.7 + 0.005 * trial, trial);
      const std::int64_t expected = brute.most(cells);
      ASSERT_EQ(packing.most(cells), expected)
          << fmt::format("{} in {}, trial {}", fmt::join(box, "x"), fmt::join(torus, "x"), trial);
      const auto up = std::accumulate(cells.begin(), cells.end(), std::size_t{0});
      short_of_cells += expected < static_cast<std::int64_t>(up / volume(box));
    }
  }
  EXPECT_GT(short_of_cells, 100);
}

TEST(BoxPacking, CrossesTheSeams) {
  // Cells 3 and 0 of a ring are neighbours; a box that fills it has one place.
  const BoxPacking pairs({1, 1, 4}, {1, 1, 2}), whole({1, 1, 4}, {1, 1, 4});
  EXPECT_EQ(pairs.most(Cells{1, 0, 0, 1}), 1);
  EXPECT_EQ(pairs.most(Cells{1, 0, 1, 0}), 0);
  EXPECT_EQ(whole.most(Cells{1, 1, 1, 1}), 1);
  EXPECT_EQ(whole.most(Cells{1, 1, 1, 0}), 0);
}

TEST(BoxPacking, IsALowerBoundBeyondSixtyFourCells) {
  // On a ring the most is known: of each run of healthy cells as many as its length holds.
  const BoxPacking packing({1, 1, 100}, {1, 1, 3});
  ASSERT_FALSE(packing.exact());
  std::int64_t total = 0, reached = 0;
  for (std::uint32_t trial = 0; trial < 200; ++trial) {
    Cells cells = random_cells(100, 0.9, trial);
    cells[trial % 100] = 0;
    std::int64_t run = 0, most = 0;
    for (std::size_t i = 1; i <= 100; ++i) {
      if (cells[(trial + i) % 100]) {
        ++run;
      } else {
        most += run / 3;
        run = 0;
      }
    }
    const std::int64_t found = packing.most(cells);
    EXPECT_LE(found, most);
    EXPECT_GE(found, most - 1);  // the run across the seam begins in its middle
    total += most;
    reached += found;
  }
  EXPECT_GT(reached, total * 9 / 10);
  EXPECT_EQ(BoxPacking({4, 8, 8}, {2, 4, 4}).most(Cells(256, 1)), 8);
  EXPECT_EQ(BoxPacking({4, 8, 8}, {2, 4, 4}).most(Cells(256, 0)), 0);
}

TEST(BoxPacking, MostCubicBoxes) {
  const Sides machine{4, 4, 4};
  for (auto [cubes, box] : {std::pair{1, Sides{1, 1, 1}},
                            {4, Sides{1, 2, 2}},
                            {8, Sides{2, 2, 2}},
                            {16, Sides{2, 2, 4}},
                            {24, Sides{2, 3, 4}},
                            {32, Sides{2, 4, 4}},
                            {36, Sides{3, 3, 4}},
                            {48, Sides{3, 4, 4}},
                            {64, Sides{4, 4, 4}}})
    EXPECT_EQ(most_cubic_box(machine, cubes), box) << cubes;
  for (int cubes : {5, 7, 10, 17, 60, 65, 128}) EXPECT_FALSE(most_cubic_box(machine, cubes));
  EXPECT_EQ(most_cubic_box({8, 1, 2}, 8), (Sides{1, 2, 4}));
}

}  // namespace
}  // namespace lockstep
