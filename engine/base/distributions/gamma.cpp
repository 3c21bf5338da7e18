#include "engine/base/distributions/kinds.hpp"
#include "engine/base/elementary.hpp"

namespace lockstep {

namespace {

struct Gamma final : Law {
  Gamma(double centre, double power) : average(centre), shape(power) {}
  double mean() const override { return average; }
  double variance() const override { return average * average / shape; }
  double quantile(double u) const override {
    return average * (elementary::gamma_p_inverse(shape, u) / shape);
  }
  double cdf(double x) const override { return elementary::gamma_p(shape, x / average * shape); }
  double average;
  double shape;
};

std::shared_ptr<const Law> make(std::size_t, std::span<const double> a) {
  if (a[0] == 0) return make_constant(0);
  return std::make_shared<const Gamma>(a[0], a[1]);
}

}  // namespace

DistributionKind gamma_kind() {
  return {"gamma",
          "sum of exponential waits; shape 1 is the exponential law",
          {{{"mean", true, 0, true, "mean"}, {"shape", false, 0, false, "mean^2 / variance"}}},
          "Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions 1 (1994), ch. 17",
          make,
          nullptr};
}

}  // namespace lockstep
