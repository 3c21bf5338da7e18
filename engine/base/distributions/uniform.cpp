#include <algorithm>

#include "engine/base/distributions/kinds.hpp"
#include "engine/base/error.hpp"

namespace lockstep {

namespace {

struct Uniform final : Law {
  Uniform(double least, double most) : low(least), high(most) {}
  double mean() const override { return low + 0.5 * (high - low); }
  double variance() const override { return (high - low) * (high - low) / 12; }
  // The sum may round past the upper end.
  double quantile(double u) const override { return std::min(low + u * (high - low), high); }
  double cdf(double x) const override { return std::clamp((x - low) / (high - low), 0.0, 1.0); }
  double low;
  double high;
};

std::shared_ptr<const Law> make(std::size_t, std::span<const double> a) {
  if (!(a[0] < a[1])) {
    throw InputError("uniform: low=" + format_number(a[0]) + " and high=" + format_number(a[1]) +
                     " in SI units leave no interval (low < high is due) swap them, or write a "
                     "constant");
  }
  return std::make_shared<const Uniform>(a[0], a[1]);
}

}  // namespace

DistributionKind uniform_kind() {
  return {"uniform",
          "equal density between two values",
          {{{"low", true, 0, true, "lower end"}, {"high", true, 0, false, "upper end"}}},
          "Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions 2 (1995), ch. 26",
          make,
          nullptr};
}

}  // namespace lockstep
