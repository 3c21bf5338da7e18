#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/base/elementary.hpp"
#include "engine/base/simd.hpp"
#include "tests/unit/any_purpose.hpp"
#include "tests/unit/elementary_kernels.hpp"

namespace lockstep {
namespace {

struct Level {
  SimdLevel level;
  const ElementaryKernels* kernels;
};

/// The levels up to that in use, which is the best of this processor; sse2 always.
std::vector<Level> usable_levels() {
  std::vector<Level> levels{{SimdLevel::sse2, &sse2::elementary_kernels}};
  if (simd_level() >= SimdLevel::avx2) {
    levels.push_back({SimdLevel::avx2, &avx2::elementary_kernels});
  }
  if (simd_level() >= SimdLevel::avx512) {
    levels.push_back({SimdLevel::avx512, &avx512::elementary_kernels});
  }
  return levels;
}

/// Ordinary numbers, every bit pattern, and the special ones; an odd count, so that loops have a
/// remainder.
std::vector<double> inputs(std::uint32_t draw) {
  const Stream stream{.seed = 7, .purpose = any_purpose, .trial = 0};
  constexpr double inf = std::numeric_limits<double>::infinity();
  std::vector<double> x{0.0,          -0.0,        1.0,     -1.0,    inf,      -inf,
                        std::nan(""), 5e-324,      -5e-324, 1.7e308, 2.2e-308, 0.5,
                        0x1p-53,      1 - 0x1p-53, 710.0,   -745.0,  -746.0};
  for (std::uint64_t i = 0; i < 60000; ++i) {
    const PhiloxBlock b = stream.block(i, draw);
    x.push_back(open_uniform(b.word[0], b.word[1]));
    x.push_back(1500 * open_uniform(b.word[2], b.word[3]) - 750);
    x.push_back(std::bit_cast<double>((std::uint64_t{b.word[0]} << 32) | b.word[3]));
  }
  return x;
}

/// Two NaNs are equal: which of several operands' NaN an instruction keeps is not specified.
bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

struct Function {
  std::string name;
  ElementaryKernels::Unary ElementaryKernels::*kernel;
  double (*scalar)(double);
};

TEST(ElementaryLevels, EveryLevelAndTheScalarCodeGiveTheSameBits) {
  const Function functions[] = {
      {"log", &ElementaryKernels::log, [](double x) { return elementary::log(x); }},
      {"log1p", &ElementaryKernels::log1p, [](double x) { return elementary::log1p(x); }},
      {"exp", &ElementaryKernels::exp, [](double x) { return elementary::exp(x); }},
      {"expm1", &ElementaryKernels::expm1, [](double x) { return elementary::expm1(x); }},
      {"sin", &ElementaryKernels::sin_two_pi, [](double x) { return elementary::sin_two_pi(x); }},
      {"cos", &ElementaryKernels::cos_two_pi, [](double x) { return elementary::cos_two_pi(x); }},
      {"normal_quantile", &ElementaryKernels::normal_quantile,
       [](double x) { return elementary::normal_quantile(x); }},
      {"sqrt", &ElementaryKernels::sqrt, [](double x) { return elementary::sqrt(x); }},
  };
  const std::vector<double> x = inputs(0);
  std::size_t compared = 0;
  for (const Function& function : functions) {
    for (const Level& level : usable_levels()) {
      // A filler that no function returns for all inputs.
      std::vector<double> result(x.size(), -12345.0);
      (level.kernels->*function.kernel)(x.data(), result.data(), x.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        ASSERT_TRUE(same_bits(result[i], function.scalar(x[i])))
            << function.name << "(" << x[i] << ") at " << simd_level_name(level.level);
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, std::size(functions) * x.size());
}

TEST(ElementaryLevels, PowGivesTheSameBits) {
  const std::vector<double> x = inputs(1);
  std::vector<double> y = inputs(2);
  std::size_t compared = 0;
  for (std::size_t shift = 0; shift < 20; ++shift) {
    // Every special value meets every other.
    std::rotate(y.begin(), y.begin() + 1, y.begin() + 17);
    for (const Level& level : usable_levels()) {
      std::vector<double> result(x.size(), -12345.0);
      level.kernels->pow(x.data(), y.data(), result.data(), x.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        ASSERT_TRUE(same_bits(result[i], elementary::pow(x[i], y[i])))
            << x[i] << "^" << y[i] << " at " << simd_level_name(level.level);
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, x.size());
}

TEST(SimdLevel, HasANameAndATable) {
  EXPECT_EQ(simd_level_name(SimdLevel::sse2), "sse2");
  EXPECT_EQ(simd_level_name(SimdLevel::avx2), "avx2");
  EXPECT_EQ(simd_level_name(SimdLevel::avx512), "avx512");
  const ElementaryKernels& chosen = select_kernels(
      sse2::elementary_kernels, avx2::elementary_kernels, avx512::elementary_kernels);
  const ElementaryKernels* expected[] = {&sse2::elementary_kernels, &avx2::elementary_kernels,
                                         &avx512::elementary_kernels};
  EXPECT_EQ(&chosen, expected[static_cast<int>(simd_level())]);
}

}  // namespace
}  // namespace lockstep
