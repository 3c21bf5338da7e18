#pragma once

#include <cmath>
#include <cstdint>
#include <ostream>
#include <utility>
#include <vector>

#include "engine/base/elementary.hpp"
#include "engine/base/random.hpp"
#include "engine/statistics/estimate.hpp"

namespace lockstep {

/// A law of synthetic step times with known mean and quantiles.
struct CoverageLaw {
  const char* name;
  double (*quantile)(double u);
  double mean;
};

inline double normal_law(double u) {
  return 10 + elementary::normal_quantile(u);
}
inline double exponential_law(double u) {
  return -elementary::log1p(-u);
}
inline double lognormal_law(double u) {
  return elementary::exp(elementary::normal_quantile(u));
}
inline double pareto_4_law(double u) {
  return elementary::pow(1 - u, -1.0 / 4);
}
inline double pareto_2_5_law(double u) {
  return elementary::pow(1 - u, -1.0 / 2.5);
}
/// One in a hundred is 30 % slower; its p99 is any value of the gap, 1.15 in the middle.
inline double slow_hundredth_law(double u) {
  if (u == 0.99) return 1.15;
  const bool slow = u > 0.99;
  return slow ? 1.3 + 0.02 * elementary::normal_quantile((u - 0.99) / 0.01)
              : 1 + 0.02 * elementary::normal_quantile(u / 0.99);
}

inline const CoverageLaw normal{"normal", normal_law, 10};
inline const CoverageLaw exponential{"exponential", exponential_law, 1};
inline const CoverageLaw lognormal{"lognormal", lognormal_law, 1.6487212707001282};
inline const CoverageLaw pareto_4{"pareto_4", pareto_4_law, 4.0 / 3};
inline const CoverageLaw pareto_2_5{"pareto_2_5", pareto_2_5_law, 2.5 / 1.5};
inline const CoverageLaw slow_hundredth{"slow_hundredth", slow_hundredth_law, 1.003};

/// Studies of two design points: the second's law is the first's times 1.1, both meet the same
/// trials (correlation 0.7 of the underlying normals), and the steps of a trial share the part
/// `within` of their variance.
struct CoverageCase {
  CoverageLaw law;
  std::int64_t trials, steps;
  double within;

  double quantile(double p) const { return law.quantile(p); }
  double mean() const { return law.mean; }

  /// (trials, steps) of trial `first_trial` and following of both points, a pure function of
  /// (study, trial). Draws: three blocks a step and three a trial.
  std::pair<std::vector<double>, std::vector<double>> draw(std::uint32_t study,
                                                           std::int64_t first_trial,
                                                           std::int64_t count) const {
    const Stream stream{.seed = 20261123, .purpose = Purpose{200}, .trial = study};
    std::vector<double> first, second;
    const auto gauss = [&](std::uint64_t entity, std::uint32_t draw_number) {
      return elementary::normal_quantile(stream.uniform(entity, draw_number));
    };
    for (std::int64_t t = first_trial; t < first_trial + count; ++t) {
      const auto trial = static_cast<std::uint64_t>(t);
      for (std::int64_t s = 1; s <= steps; ++s) {
        double z[2];
        for (std::uint32_t i = 0; i < 2; ++i)
          z[i] = elementary::sqrt(within) * gauss(trial, i) +
                 elementary::sqrt(1 - within) * gauss(trial, static_cast<std::uint32_t>(2 * s) + i);
        const double other = elementary::sqrt(0.7) * z[0] + elementary::sqrt(0.3) * z[1];
        first.push_back(law.quantile(elementary::normal_cdf(z[0])));
        second.push_back(1.1 * law.quantile(elementary::normal_cdf(other)));
      }
    }
    return {std::move(first), std::move(second)};
  }
};

inline void PrintTo(const CoverageCase& c, std::ostream* out) {
  *out << c.law.name;
}

/// Share of the studies that an interval must cover: 95 % less three standard deviations of the
/// count.
inline double least_share(int studies) {
  return 0.95 - 3 * std::sqrt(0.95 * 0.05 / studies);
}

/// How often an interval covered and had two ends, and how wide it then was.
struct Count {
  int of = 0, covered = 0, resolved = 0;
  double width = 0, sum = 0, squares = 0;  ///< of those with two ends

  void add(const Estimate& estimate, double truth) {
    ++of;
    covered += estimate.lower <= truth && truth <= estimate.upper;
    if (!std::isfinite(estimate.lower) || !std::isfinite(estimate.upper)) return;
    ++resolved;
    width += estimate.upper - estimate.lower;
    sum += estimate.value - truth;
    squares += (estimate.value - truth) * (estimate.value - truth);
  }
  double share() const { return covered / static_cast<double>(of); }
  /// Mean width over what it would be if the values' own spread between studies were known.
  double excess_width() const {
    const double spread = std::sqrt((squares - sum * sum / resolved) / (resolved - 1));
    return width / resolved / (2 * 1.96 * spread);
  }
};

}  // namespace lockstep
