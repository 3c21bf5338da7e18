// The dense delays of messages: their generator, laws, independence and bits.

#include "engine/noise/message_jitter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/simd.hpp"
#include "engine/noise/noise.hpp"
#include "tests/unit/jitter_levels.hpp"

namespace lockstep {
namespace {

// Level 1e-6, two-sided for normal scores; the same for Kolmogorov's distance times sqrt(n).
constexpr double score_limit = 4.9, kolmogorov_limit = 2.7;

constexpr JitterShape standard{1, nullptr};

Stream step_stream(std::uint32_t step, std::uint64_t seed = 11) {
  return Stream{seed, purpose::hop_jitter, 5}.child(0, step);
}

std::vector<float> filled(const MessageJitterKernels& kernels, const Stream& stream,
                          std::uint32_t group, std::uint64_t first, std::size_t count,
                          const JitterShape& shape = standard) {
  std::vector<float> delay(count, -1.0f);
  kernels.fill(stream, group, shape, first, static_cast<std::int64_t>(count), delay.data());
  return delay;
}

/// Standard exponentials of consecutive messages.
std::vector<float> exponentials(std::size_t count, std::uint32_t group = 3, std::uint32_t step = 0,
                                std::uint64_t first = 0) {
  return filled(message_jitter_kernels(), step_stream(step), group, first, count);
}

// ---- the generator

/// xoshiro128++ as published.
struct Xoshiro {
  std::array<std::uint32_t, 4> s;
  std::uint32_t next() {
    const std::uint32_t result = std::rotl(s[0] + s[3], 7) + s[0], t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = std::rotl(s[3], 11);
    return result;
  }
};

/// A message's standard exponential, alone and in doubles.
double expected(const Stream& stream, std::uint32_t group, std::uint64_t message) {
  const std::uint64_t tile = message / 512, lane = message % 16, output = message % 512 / 16;
  const PhiloxBlock b = stream.block(tile * 16 + lane, group);
  Xoshiro generator{{b.word[0], b.word[1], b.word[2], b.word[3]}};
  for (std::uint64_t i = 0; i < output; ++i) generator.next();
  const float x = static_cast<float>(static_cast<std::int32_t>(generator.next() >> 1)) + 0.5f;
  return -std::log(std::min(static_cast<double>(x) * 0x1p-31, 1 - 0x1p-24));
}

TEST(MessageJitter, FollowsItsDefinition) {
  // Outputs of the authors' code from the state 1, 2, 3, 4.
  Xoshiro reference{{1, 2, 3, 4}};
  for (std::uint32_t known : {641u, 1573767u, 3222811527u, 3517856514u, 836907274u, 4247214768u})
    EXPECT_EQ(reference.next(), known);

  for (const JitterLevel& level : jitter_levels())
    for (std::uint64_t first : {0ull, 5000ull, (1ull << 41) + 77, (1ull << 56) - 3000}) {
      const Stream stream = step_stream(1);
      const auto y = filled(*level.jitter, stream, 0x80000001u, first, 3000);
      for (std::size_t i = 0; i < y.size(); ++i) {
        const double exact = expected(stream, 0x80000001u, first + i);
        ASSERT_NEAR(y[i], exact, 1e-6 * exact) << level.name << ", message " << first + i;
      }
    }
}

TEST(MessageJitter, EveryLevelAndEverySplitGiveTheSameBits) {
  std::vector<JitterBin> bins(jitter_bins);
  for (std::uint32_t b = 0; b < jitter_bins; ++b)
    bins[b] = {1e-6f * static_cast<float>(b % 977), 1e-7f * static_cast<float>(b % 31)};
  for (const JitterShape& shape : {JitterShape{3e-6f, nullptr}, JitterShape{0, bins.data()}}) {
    const Stream stream = step_stream(2);
    const auto whole = filled(sse2::message_jitter_kernels, stream, 7, 1000, 5000, shape);
    EXPECT_NE(whole[0], whole[1]);
    for (const JitterLevel& level : jitter_levels()) {
      EXPECT_EQ(filled(*level.jitter, stream, 7, 1000, 5000, shape), whole) << level.name;
      for (std::uint64_t offset : {0, 1, 15, 16, 17, 24, 200, 535, 536, 1007})
        for (std::size_t count : {0, 1, 2, 15, 16, 31, 32, 100, 511, 512, 513, 2000}) {
          const auto part = filled(*level.jitter, stream, 7, 1000 + offset, count, shape);
          ASSERT_TRUE(std::equal(part.begin(), part.end(),
                                 whole.begin() + static_cast<std::ptrdiff_t>(offset)))
              << level.name << ", " << count << " from " << offset;
        }
    }
  }
}

TEST(MessageJitter, RowsAndSingleMessagesAgree) {
  for (const char* text : {"exponential(mean=2us)", "gamma(mean=2us, shape=3)", "2us"}) {
    Noise noise;
    noise.hop_jitter = Distribution::parse(text, Dimension::time);
    const MessageNoise of_step = message_noise(noise, 1, 2, 3);
    SpikeSequence none(of_step, 4, 0);
    std::vector<double> row(3000, 1.0);
    add_row_noise(of_step, none, 4, 700, row);
    for (std::size_t i = 0; i < row.size(); ++i)
      ASSERT_EQ(row[i], 1.0 + of_step.dense(4, 700 + static_cast<std::int64_t>(i))) << text;
    if (noise.hop_jitter.law().is_constant()) {
      EXPECT_EQ(row[0], 1.0 + static_cast<double>(2e-6f));
    } else {
      EXPECT_NE(row[0], row[1]);
    }
  }
  Noise off;
  EXPECT_TRUE(off.hop_jitter.is_none());
  EXPECT_EQ(message_noise(off, 1, 2, 3).hop_jitter, nullptr);
}

// ---- laws

/// Kolmogorov's distance from the uniform law, times sqrt(n).
double kolmogorov(std::vector<double> u) {
  std::sort(u.begin(), u.end());
  const auto n = static_cast<double>(u.size());
  double distance = 0;
  for (std::size_t i = 0; i < u.size(); ++i)
    distance = std::max(
        {distance, u[i] - static_cast<double>(i) / n, (static_cast<double>(i) + 1) / n - u[i]});
  return distance * std::sqrt(n);
}

TEST(MessageJitter, FollowsItsLaw) {
  for (const char* text :
       {"exponential(mean=3us)", "gamma(mean=3us, shape=2.5)", "gamma(mean=1us, shape=0.3)",
        "lognormal(median=5us, sigma=0.5)", "weibull(scale=1us, shape=0.5)",
        "weibull(scale=1us, shape=3)", "uniform(low=1us, high=3us)", "normal(mean=2us, sd=2us)",
        "pareto(minimum=1us, shape=2.5)"}) {
    SCOPED_TRACE(text);
    const MessageJitter jitter(Distribution::parse(text, Dimension::time));
    std::vector<float> delay(300000);
    jitter.fill(step_stream(4), 1, 100, delay);
    std::vector<double> u, stretched;
    for (float d : delay) {
      u.push_back(jitter.law().cdf(d));
      stretched.push_back(jitter.law().cdf(1.05 * static_cast<double>(d)));
    }
    EXPECT_LT(kolmogorov(u), kolmogorov_limit);
    EXPECT_GT(kolmogorov(stretched), kolmogorov_limit) << "cannot tell delays 5 % too long";
  }
}

/// Normal score of Pearson's statistic (Wilson and Hilferty, 1931).
double chi_square_score(const std::vector<double>& counts, const std::vector<double>& mean) {
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i)
    sum += (counts[i] - mean[i]) * (counts[i] - mean[i]) / mean[i];
  const auto k = static_cast<double>(counts.size() - 1);
  return (std::cbrt(sum / k) - 1 + 2 / (9 * k)) / std::sqrt(2 / (9 * k));
}

// Octaves of y from 2^-18 to 1 and steps of 1 to 14, of 2^24 messages: 20 to 40 in the rarest.
TEST(MessageJitter, HasBothTails) {
  std::vector<double> edges{0};
  for (double edge = 0x1p-18; edge < 1; edge *= 2) edges.push_back(edge);
  for (double edge = 1; edge <= 13; ++edge) edges.push_back(edge);
  constexpr std::size_t part = 1 << 20, parts = 16;
  const auto score = [&](double bias) {
    std::vector<double> counts(edges.size()), mean(edges.size());
    for (std::uint32_t p = 0; p < parts; ++p)
      for (float y : exponentials(part, 17, 0, p * part)) {
        // With a bias, delays beyond 8 mean delays are longer by so much.
        const double value = y > 8 ? y + bias : y;
        ++counts[static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), value) -
                                          edges.begin() - 1)];
      }
    for (std::size_t i = 0; i < edges.size(); ++i)
      mean[i] = parts * part *
                (std::exp(-edges[i]) - (i + 1 < edges.size() ? std::exp(-edges[i + 1]) : 0));
    return chi_square_score(counts, mean);
  };
  EXPECT_LT(std::fabs(score(0)), score_limit);
  EXPECT_GT(score(0.2), score_limit) << "cannot tell a tail too heavy by a fifth";
}

// ---- independence

/// The largest normal score of correlations between two sequences: of their uniforms, of those
/// uniforms' distances from 1/2, and of one with the other.
double correlation_score(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  const auto linear = [](double u) { return std::sqrt(12.0) * (u - 0.5); };
  const auto folded = [](double u) { return std::sqrt(48.0) * (std::fabs(u - 0.5) - 0.25); };
  const std::array<std::function<double(double)>, 2> views{linear, folded};
  for (const auto& f : views)
    for (const auto& g : views) {
      double sum = 0;
      for (std::size_t i = 0; i < a.size(); ++i) sum += f(std::exp(-a[i])) * g(std::exp(-b[i]));
      largest = std::max(largest, std::fabs(sum) / std::sqrt(static_cast<double>(a.size())));
    }
  return largest;
}

TEST(MessageJitter, IsIndependentBetweenMessagesLanesTilesGroupsAndSteps) {
  constexpr std::size_t n = 1 << 20;
  const auto base = exponentials(n);
  // Neighbours (the next lane), the lane's next output, a tile on, a lane's last and first.
  for (std::uint64_t lag : {1, 2, 8, 15, 16, 17, 32, 512, 528, 1024, 496})
    EXPECT_LT(correlation_score(base, exponentials(n, 3, 0, lag)), score_limit) << "lag " << lag;
  EXPECT_LT(correlation_score(base, exponentials(n, 4)), score_limit) << "groups";
  EXPECT_LT(correlation_score(base, exponentials(n, 3, 1)), score_limit) << "steps";
  EXPECT_LT(correlation_score(base, filled(message_jitter_kernels(), step_stream(0, 12), 3, 0, n)),
            score_limit)
      << "seeds";
  EXPECT_GT(correlation_score(base, base), score_limit);
  auto mixed = exponentials(n, 4);  // one message in a hundred is that of the other group
  for (std::size_t i = 0; i < n; i += 100) mixed[i] = base[i];
  EXPECT_GT(correlation_score(base, mixed), score_limit) << "cannot tell a correlation of 1 %";
}

}  // namespace
}  // namespace lockstep
