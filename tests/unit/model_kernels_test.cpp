#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

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

constexpr std::int64_t chips = 100003;  // no multiple of a vector

struct Row {
  std::vector<std::uint32_t> low, high;
  ChipRow row() const { return {low.data(), high.data(), static_cast<std::int64_t>(low.size())}; }
};

Row some_chips() {
  Row row{std::vector<std::uint32_t>(chips), std::vector<std::uint32_t>(chips, 0xABCDEFu)};
  std::iota(row.low.begin(), row.low.end(), 0u);
  return row;
}

std::vector<double> factors(const StepKernels& kernels, std::uint32_t draw, double sigma) {
  const Row row = some_chips();
  std::vector<double> result(chips);
  kernels.lognormal_factors({3, purpose::step_jitter, 4}, row.row(), draw, sigma, result.data());
  return result;
}

std::vector<double> second_normals(const StepKernels& kernels, std::uint32_t draw) {
  const Row row = some_chips();
  std::vector<double> result(chips);
  kernels.second_normals({3, purpose::step_jitter, 4}, row.row(), draw, result.data());
  return result;
}

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double product_mean(const std::vector<double>& x, const std::vector<double>& y) {
  return std::inner_product(x.begin(), x.end(), y.begin(), 0.0) / static_cast<double>(x.size());
}

TEST(StepKernels, GiveTheSameBitsAtEveryLevel) {
  std::vector<const StepKernels*> levels;
  if (simd_level() >= SimdLevel::avx2) levels.push_back(&avx2::step_kernels);
  if (simd_level() >= SimdLevel::avx512) levels.push_back(&avx512::step_kernels);
  if (levels.empty()) GTEST_SKIP() << "this processor has one level only";
  const auto one = factors(sse2::step_kernels, 1, 0.3),
             normal = second_normals(sse2::step_kernels, 1);
  for (const StepKernels* kernels : levels) {
    EXPECT_EQ(std::memcmp(one.data(), factors(*kernels, 1, 0.3).data(), chips * sizeof(double)), 0);
    EXPECT_EQ(
        std::memcmp(normal.data(), second_normals(*kernels, 1).data(), chips * sizeof(double)), 0);
  }
}

// Every moment within five standard errors of its own, from n = 100,003.
TEST(StepKernels, AreLognormalOfMeanOneAndIndependent) {
  constexpr double sigma = 0.3;
  const double n = chips, root = std::sqrt(n);
  const auto factor = factors(step_kernels(), 1, sigma), other = second_normals(step_kernels(), 1);
  const double variance = std::expm1(sigma * sigma);
  EXPECT_LT(std::fabs(mean_of(factor) - 1), 5 * std::sqrt(variance) / root);
  EXPECT_GT(std::fabs(mean_of(factor) * std::exp(0.5 * sigma * sigma) - 1),
            5 * std::sqrt(variance) / root)
      << "cannot tell median 1 from mean 1";
  std::vector<double> z;
  for (double f : factor) z.push_back((std::log(f) + 0.5 * sigma * sigma) / sigma);
  for (const auto& normal : {z, other}) {
    EXPECT_LT(std::fabs(mean_of(normal)), 5 / root);
    EXPECT_LT(std::fabs(product_mean(normal, normal) - 1), 5 * std::sqrt(2.0) / root);
  }
  EXPECT_LT(std::fabs(product_mean(z, other)), 5 / root);
  // Steps and neighbouring chips.
  EXPECT_LT(std::fabs(product_mean(other, second_normals(step_kernels(), 2))), 5 / root);
  std::vector<double> shifted(other.begin() + 1, other.end());
  shifted.push_back(other.front());
  EXPECT_LT(std::fabs(product_mean(other, shifted)), 5 / root);
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
