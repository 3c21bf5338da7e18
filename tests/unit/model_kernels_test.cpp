#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "engine/base/elementary.hpp"
#include "engine/base/simd.hpp"
#include "engine/noise/noise.hpp"
#include "engine/training/step_kernels.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {

namespace sse2 {
extern const StepKernels step_kernels;
}
namespace avx2 {
extern const StepKernels step_kernels;
}
namespace avx512 {
extern const StepKernels step_kernels;
}

namespace {

// ---- numbers by tiles

std::vector<float> normals(const StepKernels& kernels, const Identities& who,
                           std::uint32_t draw = 1, std::uint32_t trial = 4,
                           const NormalPart& part = {}) {
  std::vector<float> z(static_cast<std::size_t>(who.count), -99.0f);
  kernels.normals({3, purpose::step_jitter, trial}, who, draw, part, z.data());
  return z;
}

/// The bits of a number as the kernel's page says they are made, alone.
std::uint32_t expected_bits(std::uint32_t kind, std::uint32_t identity, std::uint32_t draw) {
  const std::uint32_t tile = identity / 256, lane = identity % 16, output = identity % 256 / 16;
  const PhiloxBlock b = Stream{3, purpose::step_jitter, 4}.block_of(16 * tile + lane, kind, draw);
  std::uint32_t s[4] = {b.word[0], b.word[1], b.word[2], b.word[3]}, random = 0;
  for (std::uint32_t i = 0; i <= output; ++i) {  // xoshiro128++
    random = std::rotl(s[0] + s[3], 7) + s[0];
    const std::uint32_t t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = std::rotl(s[3], 11);
  }
  return random;
}

/// In doubles, of all normals by sign and size.
double expected_normal(std::uint32_t random) {
  const double size =
      -elementary::normal_quantile((static_cast<double>(random >> 1) + 0.5) * 0x1p-32);
  return random % 2 ? -size : size;
}

/// Of a part of them, by the upper tail.
double expected_of(const NormalPart& part, std::uint32_t random) {
  const double u = (static_cast<double>(random >> 1) + 0.5) * 0x1p-31;
  const double above = part.above + part.width * u;
  const double below = 1 - part.above - part.width + part.width * (1 - u);
  return above < below ? -elementary::normal_quantile(std::max(0x1p-33, above))
                       : elementary::normal_quantile(std::max(0x1p-33, below));
}

TEST(Normals, FollowTheirDefinitionAtEveryLevel) {
  std::vector<const StepKernels*> levels{&sse2::step_kernels};
  if (simd_level() >= SimdLevel::avx2) levels.push_back(&avx2::step_kernels);
  if (simd_level() >= SimdLevel::avx512) levels.push_back(&avx512::step_kernels);
  const Identities who{0xABCDEFu, 250, 100003};
  constexpr NormalPart parts[] = {{0, 1}, {0x1p-10f, 1 - 0x1p-10f}, {0, 0x1p-10f}};
  std::vector<std::vector<float>> reference;
  for (const NormalPart& part : parts)
    reference.push_back(normals(sse2::step_kernels, who, 1, 4, part));
  std::vector<float> factor(reference[0].size()), other(factor.size());
  const Stream stream{3, purpose::step_jitter, 4};
  sse2::step_kernels.lognormals(stream, who, 1, 0.3f, -0.045f, factor.data());
  for (const StepKernels* kernels : levels) {
    for (std::size_t p = 0; p < std::size(parts); ++p) {
      const std::vector<float> z = normals(*kernels, who, 1, 4, parts[p]);
      EXPECT_EQ(std::memcmp(z.data(), reference[p].data(), z.size() * sizeof(float)), 0);
    }
    kernels->lognormals(stream, who, 1, 0.3f, -0.045f, other.data());
    EXPECT_EQ(std::memcmp(other.data(), factor.data(), other.size() * sizeof(float)), 0);
  }
  for (std::size_t i = 0; i < factor.size(); i += 37) {
    const std::uint32_t bits =
        expected_bits(who.kind, who.first + static_cast<std::uint32_t>(i), 1);
    for (std::size_t p = 0; p < std::size(parts); ++p) {
      const double z = expected_of(parts[p], bits);
      EXPECT_NEAR(reference[p][i], z, 6e-7 * (1 + std::fabs(z))) << i;
    }
    EXPECT_NEAR(factor[i], std::expm1(0.3 * expected_normal(bits) - 0.045), 1e-6) << i;
  }
}

// Some asked or all: the same bits, over the borders of tiles.
TEST(Normals, OfOneAreThoseOfAll) {
  const std::vector<float> all = normals(step_kernels(), {7, 0, 3000});
  for (std::uint32_t first : {0u, 1u, 15u, 16u, 255u, 256u, 257u, 700u, 2999u})
    for (std::int64_t count : {0, 1, 2, 17, 256, 300, 513}) {
      if (first + count > 3000) continue;
      const std::vector<float> some = normals(step_kernels(), {7, first, count});
      EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + first))
          << first << " " << count;
    }
}

/// Chance of a larger chi-square of equally likely cells of the normal distribution.
double chance_of_normals(const std::vector<float>& z, double scale = 1) {
  constexpr std::size_t cells = 100;
  std::vector<double> counts(cells, 0);
  for (float x : z) {
    const double u = 0.5 * std::erfc(-scale * static_cast<double>(x) / std::sqrt(2.0));
    counts[std::min(cells - 1, static_cast<std::size_t>(u * cells))] += 1;
  }
  const double expected = static_cast<double>(z.size()) / cells;
  double chi = 0;
  for (double c : counts) chi += (c - expected) * (c - expected) / expected;
  return elementary::gamma_tails(0.5 * (cells - 1), 0.5 * chi).upper;
}

TEST(Normals, AreNormal) {
  constexpr std::int64_t count = 4000000;
  const std::vector<float> z = normals(step_kernels(), {1, 0, count});
  EXPECT_GT(chance_of_normals(z), 1e-6);
  EXPECT_LT(chance_of_normals(z, 1.005), 1e-6) << "a wrong scale is not seen";
  // Both tails.
  for (double edge : {3.0, 4.0, 4.7}) {
    const double tail = 0.5 * std::erfc(edge / std::sqrt(2.0)) * count;
    for (double sign : {-1.0, 1.0}) {
      const auto beyond =
          std::count_if(z.begin(), z.end(), [&](float x) { return sign * x > edge; });
      EXPECT_NEAR(static_cast<double>(beyond), tail, 5 * std::sqrt(tail) + 1) << edge;
    }
  }
}

TEST(Normals, AreIndependentOverIdentitiesTilesKindsDrawsAndTrials) {
  constexpr std::int64_t count = 1000000;
  const auto product = [](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < b.size(); ++i)
      sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return std::fabs(sum) / std::sqrt(static_cast<double>(b.size()));
  };
  const std::vector<float> z = normals(step_kernels(), {1, 0, count});
  for (std::uint32_t shift : {1u, 2u, 8u, 16u, 255u, 256u, 4096u})
    EXPECT_LT(product(z, {z.begin() + shift, z.end()}), 4.9) << shift;
  EXPECT_LT(product(z, normals(step_kernels(), {2, 0, count})), 4.9);
  EXPECT_LT(product(z, normals(step_kernels(), {1, 0, count}, 2)), 4.9);
  EXPECT_LT(product(z, normals(step_kernels(), {1, 0, count}, 1, 5)), 4.9);
  // The control: a hundredth in common.
  std::vector<float> alike = normals(step_kernels(), {2, 0, count});
  for (std::size_t i = 0; i < alike.size(); ++i) alike[i] += 0.01f * z[i];
  EXPECT_GT(product(z, alike), 4.9);
}

// ---- spikes

std::vector<std::pair<std::int64_t, double>> spikes(double probability, std::int64_t group,
                                                    std::int64_t messages, std::uint32_t step = 0) {
  Noise noise = noise_from(test::scenario_values("noise.spike_delay=exponential(mean=2ms)"));
  noise.spike_probability = probability;
  const MessageNoise of_step = message_noise(noise, 9, 2, step);
  std::vector<std::pair<std::int64_t, double>> all;
  for (SpikeSequence s(of_step, group, messages); !s.done(); s.next())
    all.emplace_back(s.message(), s.delay());
  return all;
}

TEST(Spikes, HitEachMessageWithTheirProbability) {
  constexpr std::int64_t messages = 200000;
  for (double p : {1e-4, 0.01, 0.5}) {
    SCOPED_TRACE(p);
    const auto hit = spikes(p, 3, messages);
    const double expected = p * messages;
    EXPECT_LT(std::fabs(static_cast<double>(hit.size()) - expected),
              5 * std::sqrt(expected * (1 - p)));
    double place = 0, delay = 0;
    for (std::size_t i = 0; i < hit.size(); ++i) {
      EXPECT_GE(hit[i].first, i == 0 ? 0 : hit[i - 1].first + 1);
      EXPECT_LT(hit[i].first, messages);
      place += (static_cast<double>(hit[i].first) + 0.5) / messages;
      delay += hit[i].second;
    }
    const auto n = static_cast<double>(hit.size());
    EXPECT_LT(std::fabs(place / n - 0.5), 5 / std::sqrt(12 * n));
    EXPECT_LT(std::fabs(delay / n / 2e-3 - 1), 5 / std::sqrt(n));
  }
}

TEST(Spikes, HaveTheirEdges) {
  EXPECT_TRUE(spikes(0, 0, 1000).empty());
  EXPECT_TRUE(spikes(1e-300, 0, 1000).empty());
  EXPECT_TRUE(spikes(0.5, 0, 0).empty());
  const auto all = spikes(1, 0, 1000);
  ASSERT_EQ(all.size(), 1000u);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i].first, static_cast<std::int64_t>(i));
  // The last message is hit as often as the first: 2,000 groups of five messages.
  int first = 0, last = 0;
  for (std::int64_t group = 0; group < 2000; ++group)
    for (const auto& spike : spikes(0.3, group, 5)) {
      first += spike.first == 0;
      last += spike.first == 4;
    }
  const double deviation = std::sqrt(2000 * 0.3 * 0.7);
  EXPECT_NEAR(first, 600, 5 * deviation);
  EXPECT_NEAR(last, 600, 5 * deviation);
}

TEST(Spikes, DifferBetweenGroupsAndSteps) {
  EXPECT_EQ(spikes(0.1, 1, 1000), spikes(0.1, 1, 1000));
  EXPECT_NE(spikes(0.1, 1, 1000), spikes(0.1, 2, 1000));
  EXPECT_NE(spikes(0.1, 1, 1000), spikes(0.1, 1, 1000, 1));
  // A longer collective keeps the spikes of a shorter one.
  auto longer = spikes(0.1, 1, 2000);
  const auto shorter = spikes(0.1, 1, 1000);
  ASSERT_GT(longer.size(), shorter.size());
  longer.resize(shorter.size());
  EXPECT_EQ(longer, shorter);
}

}  // namespace
}  // namespace lockstep
