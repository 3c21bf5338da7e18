#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/serving/replica/ticks.hpp"

namespace lockstep {

/// Iterations one after another between which nothing happens: the first takes `first`, each
/// `growth` more than the one before, as every sequence has a token more to attend to.
struct IterationSpan {
  Ticks begin = 0, first = 0, growth = 0;
  std::int64_t count = 0;  ///< of them; 0: idle

  /// What the first m take: m first + growth m (m - 1) / 2.
  Ticks elapsed(std::int64_t m) const { return m * first + growth * (m * (m - 1) / 2); }
  Ticks end() const { return begin + elapsed(count); }
  /// How many are done at `now`, not before the begin: the largest m, at most count, with
  /// elapsed(m) <= now - begin. The root of the quadratic in double, then corrected.
  std::int64_t done(Ticks now) const {
    const Ticks passed = now - begin;
    if (first == 0 && growth == 0) return count;
    const auto a = static_cast<double>(first), g = static_cast<double>(growth),
               e = static_cast<double>(passed);
    const double b = a - 0.5 * g;
    const double root = g > 0 ? (std::sqrt(b * b + 2 * g * e) - b) / g : e / a;
    auto m = std::clamp(static_cast<std::int64_t>(std::min(root, 4e18)), std::int64_t{0}, count);
    while (m > 0 && elapsed(m) > passed) --m;
    while (m < count && elapsed(m + 1) <= passed) ++m;
    return m;
  }
};

}  // namespace lockstep
