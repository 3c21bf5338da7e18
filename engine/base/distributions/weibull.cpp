#include "engine/base/distributions/kinds.hpp"
#include "engine/base/elementary.hpp"

namespace lockstep {

namespace {

/// x = scale (-log(1 - u))^(1 / shape); with t = 1 / shape the mean is scale Gamma(1 + t).
struct Weibull final : Law {
  Weibull(double typical, double power) : scale(typical), shape(power), inverse(1 / power) {}

  double mean() const override { return scale * elementary::exp(elementary::lgamma(1 + inverse)); }
  /// mean^2 (Gamma(1 + 2t) / Gamma(1 + t)^2 - 1).
  double variance() const override {
    const double t = inverse;
    const double m = mean();
    if (!(m < elementary::detail::infinity)) return m;
    // For a narrow law the two logarithms nearly cancel: their linear terms are left out.
    const double log_ratio =
        t <= 0.25 ? elementary::log1p(t * t / (1 + 2 * t)) + elementary::lgamma_curvature(2 * t) -
                        2 * elementary::lgamma_curvature(t)
                  : elementary::lgamma(1 + 2 * t) - 2 * elementary::lgamma(1 + t);
    return m * m * elementary::expm1(log_ratio);
  }
  double quantile(double u) const override {
    return scale * elementary::pow(-elementary::log1p(-u), inverse);
  }
  double cdf(double x) const override {
    return x > 0 ? -elementary::expm1(-elementary::pow(x / scale, shape)) : 0;
  }

  double scale;
  double shape;
  double inverse;
};

std::shared_ptr<const Law> make(std::size_t, std::span<const double> a) {
  if (a[0] == 0) return make_constant(0);
  return std::make_shared<const Weibull>(a[0], a[1]);
}

}  // namespace

DistributionKind weibull_kind() {
  return {"weibull",
          "time to failure; the hazard falls with age below shape 1 and rises above",
          {{{"scale", true, 0, true, "63.2 % quantile"},
            {"shape", false, 0, false, "exponent of the cumulative hazard"}}},
          "Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions 1 (1994), ch. 21",
          make,
          nullptr};
}

}  // namespace lockstep
