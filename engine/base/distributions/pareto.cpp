#include "engine/base/distributions/kinds.hpp"
#include "engine/base/elementary.hpp"

namespace lockstep {

namespace {

/// x = minimum (1 - u)^(-1 / shape), the power law of tail exponent `shape`.
struct Pareto final : Law {
  Pareto(double least, double power) : minimum(least), shape(power) {}
  double mean() const override {
    return shape > 1 ? minimum * (shape / (shape - 1)) : elementary::detail::infinity;
  }
  double variance() const override {
    if (!(shape > 2)) return elementary::detail::infinity;
    const double below = minimum / (shape - 1);
    return below * below * (shape / (shape - 2));
  }
  double quantile(double u) const override {
    return minimum * elementary::exp(-elementary::log1p(-u) / shape);
  }
  double cdf(double x) const override {
    return x > minimum ? -elementary::expm1(-shape * elementary::log(x / minimum)) : 0;
  }
  double minimum;
  double shape;
};

std::shared_ptr<const Law> make(std::size_t, std::span<const double> a) {
  if (a[0] == 0) return make_constant(0);
  return std::make_shared<const Pareto>(a[0], a[1]);
}

}  // namespace

DistributionKind pareto_kind() {
  return {"pareto",
          "power-law tail: infinite variance up to shape 2, infinite mean up to shape 1",
          {{{"minimum", true, 0, true, "least value"},
            {"shape", false, 0, false, "exponent of the tail"}}},
          "Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions 1 (1994), ch. 20",
          make,
          nullptr};
}

}  // namespace lockstep
