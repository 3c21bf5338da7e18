#include "engine/base/distributions/kinds.hpp"
#include "engine/base/elementary.hpp"

namespace lockstep {

namespace {

/// x = scale exp(sigma z + shift) for a standard normal z; the shift -sigma^2 / 2 makes the scale
/// the mean, 0 makes it the median.
struct Lognormal final : Law {
  Lognormal(double typical, double spread, double offset)
      : scale(typical), sigma(spread), shift(offset) {}
  double mean() const override { return scale * elementary::exp(0.5 * sigma * sigma + shift); }
  double variance() const override { return mean() * mean() * elementary::expm1(sigma * sigma); }
  double quantile(double u) const override {
    return scale * elementary::exp(sigma * elementary::normal_quantile(u) + shift);
  }
  double cdf(double x) const override {
    if (!(x > 0)) return 0;
    return elementary::normal_cdf((elementary::log(x / scale) - shift) / sigma);
  }
  double scale;
  double sigma;
  double shift;
};

std::shared_ptr<const Law> make(std::size_t signature, std::span<const double> a) {
  if (a[0] == 0 || a[1] == 0) return make_constant(a[0]);
  const double shift = signature == 0 ? 0 : -0.5 * a[1] * a[1];
  return std::make_shared<const Lognormal>(a[0], a[1], shift);
}

}  // namespace

DistributionKind lognormal_kind() {
  const DistributionArgument sigma{"sigma", false, 0, true,
                                   "standard deviation of the natural logarithm"};
  return {"lognormal",
          "product of many small factors",
          {{{"median", true, 0, true, "median"}, sigma}, {{"mean", true, 0, true, "mean"}, sigma}},
          "Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions 1 (1994), ch. 14",
          make,
          nullptr};
}

}  // namespace lockstep
