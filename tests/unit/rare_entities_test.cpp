#include "engine/noise/rare_entities.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "engine/base/elementary.hpp"
#include "engine/noise/noise.hpp"

namespace lockstep {
namespace {

constexpr double level = 1e-6;

using Entities = std::vector<std::uint32_t>;

Entities hit(double fraction, std::uint32_t count, std::uint32_t trial = 0, std::uint32_t kind = 7,
             std::uint32_t draw = 0) {
  return rare_entities({5, purpose::straggler, trial}, kind, draw, count, fraction);
}

/// Pearson's test of counts against probabilities that sum to 1: the chance of a larger chi-square.
double chance(const std::vector<double>& counts, const std::vector<double>& probabilities) {
  double n = 0, chi = 0;
  for (double c : counts) n += c;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    EXPECT_GT(n * probabilities[i], 5) << "too few expected in cell " << i;
    chi += std::pow(counts[i] - n * probabilities[i], 2) / (n * probabilities[i]);
  }
  return elementary::gamma_tails(0.5 * static_cast<double>(counts.size() - 1), 0.5 * chi).upper;
}

/// Counts of hits a tile against the binomial law, the cells' ends in one each.
double counts_of_tiles(double claimed, const std::function<Entities(std::uint32_t)>& trial_hits,
                       std::uint32_t trials, std::uint32_t tiles) {
  const int cells = 9;
  const double mean = claimed * rare_tile;
  const int low = std::max(0, static_cast<int>(mean - 1.3 * std::sqrt(mean)));
  const int step = std::max(1, static_cast<int>(2.6 * std::sqrt(mean) / cells));
  const auto cell = [&](int hits) { return std::clamp((hits - low) / step, 0, cells - 1); };
  std::vector<double> counts(cells, 0), probabilities(cells, 0);
  for (int k = 0; k <= static_cast<int>(rare_tile); ++k)
    probabilities[static_cast<std::size_t>(cell(k))] += std::exp(
        std::lgamma(rare_tile + 1.0) - std::lgamma(k + 1.0) - std::lgamma(rare_tile - k + 1.0) +
        k * std::log(claimed) + (rare_tile - k) * std::log1p(-claimed));
  for (std::uint32_t trial = 0; trial < trials; ++trial) {
    std::vector<int> of_tile(tiles, 0);
    for (std::uint32_t entity : trial_hits(trial)) ++of_tile[entity / rare_tile];
    for (int hits : of_tile) counts[static_cast<std::size_t>(cell(hits))] += 1;
  }
  return chance(counts, probabilities);
}

TEST(RareEntities, AreHitAsOftenAsTheirFractionSays) {
  constexpr std::uint32_t tiles = 5, trials = 400;
  for (double fraction : {0.001, 0.01, 0.3}) {
    SCOPED_TRACE(fraction);
    const auto drawn = [&](std::uint32_t trial) { return hit(fraction, tiles * rare_tile, trial); };
    EXPECT_GT(counts_of_tiles(fraction, drawn, trials, tiles), level);
    // The control: 15 % more at the rarest, less where counts are larger.
    const double off = fraction * (1 + 0.3 / std::sqrt(fraction * rare_tile));
    const auto biased = [&](std::uint32_t trial) { return hit(off, tiles * rare_tile, trial); };
    EXPECT_LT(counts_of_tiles(fraction, biased, trials, tiles), level);
  }
}

/// Distances between neighbours, over the borders of tiles, against the geometric law.
double gaps(double fraction, const std::function<Entities(std::uint32_t)>& trial_hits) {
  const int cells = 12;
  const double log_keep = std::log1p(-fraction);
  std::vector<double> counts(cells, 0), probabilities(cells, 0);
  // About equally likely cells: ends where the law says so.
  std::vector<double> ends;
  for (int c = 1; c < cells; ++c)
    ends.push_back(std::ceil(std::log1p(-static_cast<double>(c) / cells) / log_keep));
  for (std::size_t c = 0; c < counts.size(); ++c)
    probabilities[c] = (c == 0 ? 1 : std::exp(ends[c - 1] * log_keep)) -
                       (c + 1 == counts.size() ? 0 : std::exp(ends[c] * log_keep));
  for (std::uint32_t trial = 0; trial < 40; ++trial) {
    const Entities all = trial_hits(trial);
    for (std::size_t i = 1; i < all.size(); ++i) {
      const auto gap = static_cast<double>(all[i] - all[i - 1]);  // 1, 2, ...
      counts[static_cast<std::size_t>(std::lower_bound(ends.begin(), ends.end(), gap) -
                                      ends.begin())] += 1;
    }
  }
  return chance(counts, probabilities);
}

TEST(RareEntities, HaveGeometricGaps) {
  constexpr double fraction = 0.01;
  const auto drawn = [&](std::uint32_t trial) { return hit(fraction, 50 * rare_tile, trial); };
  EXPECT_GT(gaps(fraction, drawn), level);
  // The control: as many, but one in ten beside its predecessor.
  const auto clustered = [&](std::uint32_t trial) {
    Entities all = drawn(trial);
    for (std::size_t i = 10; i < all.size(); i += 10) all[i] = all[i - 1] + 1;
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  };
  EXPECT_LT(gaps(fraction, clustered), level);
}

/// Correlation of the numbers of hits of two sets of tiles.
double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) ma += a[i] / n, mb += b[i] / n;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
    ab += (a[i] - ma) * (b[i] - mb);
  }
  return ab / std::sqrt(aa * bb);
}

TEST(RareEntities, AreIndependentOverTilesKindsTrialsAndDraws) {
  constexpr double fraction = 0.005;
  constexpr std::uint32_t tiles = 2000;
  const auto counts = [&](const Entities& all) {
    std::vector<double> of_tile(tiles, 0);
    for (std::uint32_t entity : all) of_tile[entity / rare_tile] += 1;
    return of_tile;
  };
  const std::uint32_t n = tiles * rare_tile;
  const std::vector<double> reference = counts(hit(fraction, n));
  std::vector<double> next(reference.begin() + 1, reference.end());
  next.push_back(reference.front());
  const double limit = 4.9 / std::sqrt(tiles);
  for (const auto& other : {next, counts(hit(fraction, n, 1)), counts(hit(fraction, n, 0, 8)),
                            counts(hit(fraction, n, 0, 7, 1))})
    EXPECT_LT(std::fabs(correlation(reference, other)), limit);
  // The control: a quarter of the hits in common.
  std::vector<double> alike = reference, own = counts(hit(fraction, n, 2));
  for (std::size_t i = 0; i < alike.size(); ++i) alike[i] = 0.25 * alike[i] + 0.75 * own[i];
  EXPECT_GT(std::fabs(correlation(reference, alike)), limit);
}

TEST(RareEntities, OfALargerFractionOrMoreOfThemKeepTheEarlier) {
  Entities before;
  for (double fraction : {1e-3, 0.05, 0.5, 0.99, 1.0}) {
    const Entities now = hit(fraction, 20000);
    EXPECT_TRUE(std::is_sorted(now.begin(), now.end()));
    EXPECT_TRUE(std::includes(now.begin(), now.end(), before.begin(), before.end())) << fraction;
    EXPECT_GT(now.size(), before.size());
    before = now;
  }
  for (std::uint32_t count : {0u, 1u, 4095u, 4096u, 4097u, 9999u}) {
    Entities shorter = hit(0.01, 20000);
    std::erase_if(shorter, [&](std::uint32_t entity) { return entity >= count; });
    EXPECT_EQ(hit(0.01, count), shorter) << count;
  }
}

TEST(RareEntities, HaveTheirEnds) {
  EXPECT_TRUE(hit(0, 100000).empty());
  EXPECT_TRUE(hit(1e-300, 100000).empty());
  // 1e-12 of 4e6: not in a hundred trials, or once at 4e-4.
  std::size_t hits = 0;
  for (std::uint32_t trial = 0; trial < 100; ++trial) hits += hit(1e-12, 4000000, trial).size();
  EXPECT_EQ(hits, 0u);
  const Entities all = hit(1, 10001);
  ASSERT_EQ(all.size(), 10001u);
  for (std::uint32_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], i);
  // Nearly all: 1e-4 of 1e5 are not, 10 within five standard deviations.
  EXPECT_NEAR(100000.0 - static_cast<double>(hit(1 - 1e-4, 100000).size()), 10, 15.8);
  EXPECT_EQ(hit(1 - 1e-12, 100000).size(), 100000u);
}

}  // namespace
}  // namespace lockstep
