#include "engine/base/simd.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "engine/base/elementary.hpp"
#include "tests/unit/single_precision_kernels.hpp"

namespace lockstep {
namespace {

std::vector<const SinglePrecisionKernels*> levels() {
  std::vector<const SinglePrecisionKernels*> all{&sse2::single_precision_kernels};
  if (simd_level() >= SimdLevel::avx2) all.push_back(&avx2::single_precision_kernels);
  if (simd_level() >= SimdLevel::avx512) all.push_back(&avx512::single_precision_kernels);
  return all;
}

std::vector<float> normals(const std::vector<std::uint32_t>& random,
                           const SinglePrecisionKernels& kernels = *levels().back()) {
  std::vector<float> z(random.size());
  kernels.standard_normal(random.data(), z.data(), z.size());
  return z;
}

/// The normal whose chance of a larger |z| is (h + 1/2) 2^-31, h the upper 31 bits, negative where
/// the lowest is 1.
double exact(std::uint32_t random) {
  const double tail = (static_cast<double>(random >> 1) + 0.5) * 0x1p-31;
  const double size = -elementary::normal_quantile(0.5 * tail);
  return random % 2 ? -size : size;
}

constexpr std::size_t chunk = 1 << 16;

/// Largest error over (1 + |z|) of the words first, first + stride, ...
double worst_error(std::uint64_t first, std::uint64_t end, std::uint64_t stride) {
  double worst = 0;
  std::vector<std::uint32_t> random(chunk);
  for (std::uint64_t at = first; at < end;) {
    for (std::uint32_t& word : random) {
      word = static_cast<std::uint32_t>(std::min(at, end - 1));
      at += stride;
    }
    const std::vector<float> z = normals(random);
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double should = exact(random[i]);
      worst =
          std::max(worst, std::fabs(static_cast<double>(z[i]) - should) / (1 + std::fabs(should)));
    }
  }
  return worst;
}

// Every word of the tail beyond 3.1, where the words lie far apart, and every 211th of the others.
TEST(StandardNormal, IsAsNearAsItSays) {
  const double tail = worst_error(0, 1 << 23, 1), body = worst_error(0, 1ull << 32, 211);
  RecordProperty("tail", std::to_string(tail * 1e9));
  RecordProperty("body", std::to_string(body * 1e9));
  EXPECT_LT(tail, 6e-7);
  EXPECT_LT(body, 6e-7);
  EXPECT_GT(std::max(tail, body), 1e-7) << "the bound says too little";
}

TEST(StandardNormal, ReachesAsFarAsItSays) {
  const std::vector<float> z =
      normals({0, 1, 2, 3, 0xFFFFFFFFu, 0xFFFFFFFEu, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_NEAR(z[0], 6.33796, 1e-5);
  EXPECT_EQ(z[1], -z[0]);
  EXPECT_LT(z[2], z[0]);
  EXPECT_EQ(z[3], -z[2]);
  EXPECT_NEAR(z[4], 0, 1e-7);
  EXPECT_NEAR(z[5], 0, 1e-7);
}

TEST(ExponentialLessOne, IsAsNearAsItSays) {
  std::vector<float> x;
  for (double size = 1e-30; size < 80; size *= 1.0003)
    for (double sign : {-1.0, 1.0}) x.push_back(static_cast<float>(sign * size));
  for (int i = -80000; i < 80000; ++i) x.push_back(static_cast<float>(i) * 1e-3f);
  x.resize((x.size() + 15) / 16 * 16, 0.0f);
  std::vector<float> result(x.size());
  levels().back()->exponential_less_one(x.data(), result.data(), x.size());
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at = x[i], should = std::expm1(at);
    const double bound = 2e-7 * std::fabs(should) + 6e-8 * std::fabs(at) * std::exp(at);
    if (should == 0) {
      EXPECT_EQ(result[i], 0);
      continue;
    }
    worst = std::max(worst, std::fabs(static_cast<double>(result[i]) - should) / bound);
  }
  EXPECT_LT(worst, 1);
  EXPECT_GT(worst, 0.3) << "the bound says too little";
}

TEST(SinglePrecision, GivesTheSameBitsAtEveryLevel) {
  std::vector<std::uint32_t> random;
  std::vector<float> x;
  for (std::uint32_t i = 0; i < 1 << 20; ++i) {
    random.push_back(i % 3 == 0 ? i : i * 2654435761u);
    x.push_back(static_cast<float>(i * 2654435761u) * 0x1p-25f - 64.0f);
  }
  const auto bytes = x.size() * sizeof(float);
  const std::vector<float> z = normals(random, sse2::single_precision_kernels);
  std::vector<float> e(x.size()), other(x.size());
  sse2::single_precision_kernels.exponential_less_one(x.data(), e.data(), x.size());
  for (const SinglePrecisionKernels* kernels : levels()) {
    EXPECT_EQ(std::memcmp(z.data(), normals(random, *kernels).data(), bytes), 0);
    kernels->exponential_less_one(x.data(), other.data(), x.size());
    EXPECT_EQ(std::memcmp(e.data(), other.data(), bytes), 0);
  }
}

}  // namespace
}  // namespace lockstep
