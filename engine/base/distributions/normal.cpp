#include <algorithm>

#include "engine/base/distributions/kinds.hpp"
#include "engine/base/elementary.hpp"

namespace lockstep {

namespace {

/// Normal law given that it is not negative. With b = mean / sd, Phi(b) of the mass is left, and
/// with h = phi(b) / Phi(b) the moments are mean + sd h and sd^2 (1 - h (h + b)) (Johnson, Kotz,
/// Balakrishnan 1, eq. 13.134 and 13.135).
struct TruncatedNormal final : Law {
  TruncatedNormal(double centre, double spread)
      : location(centre),
        sd(spread),
        ratio(centre / spread),
        kept(elementary::normal_cdf(ratio)),
        cut(elementary::normal_cdf(-ratio)) {
    constexpr double root_two_pi = 2.50662827463100050242;
    hazard = elementary::exp(-0.5 * ratio * ratio) / root_two_pi / kept;
  }

  double mean() const override { return location + sd * hazard; }
  double variance() const override {
    // Where nothing is cut, ratio may be infinite.
    return hazard == 0 ? sd * sd : sd * sd * (1 - hazard * (hazard + ratio));
  }
  double quantile(double u) const override {
    // Each half from its own tail, so that neither loses digits.
    const double below = cut + u * kept;
    const double above = (1 - u) * kept;
    const double z =
        below < 0.5 ? elementary::normal_quantile(below) : -elementary::normal_quantile(above);
    return std::max(location + sd * z, 0.0);
  }
  double cdf(double x) const override {
    if (x < 0) return 0;
    const double z = (x - location) / sd;
    if (z > 0) return 1 - elementary::normal_cdf(-z) / kept;
    return std::max((elementary::normal_cdf(z) - cut) / kept, 0.0);
  }

  double location;
  double sd;
  double ratio;
  double kept;
  double cut;
  double hazard;
};

std::shared_ptr<const Law> make(std::size_t, std::span<const double> a) {
  if (a[1] == 0) return make_constant(a[0]);
  return std::make_shared<const TruncatedNormal>(a[0], a[1]);
}

}  // namespace

DistributionKind normal_kind() {
  return {"normal",
          "normal law without its negative part",
          {{{"mean", true, 0, true, "mean before truncation at 0"},
            {"sd", true, 0, true, "standard deviation before truncation at 0"}}},
          "Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions 1 (1994), sec. 13.10",
          make,
          nullptr};
}

}  // namespace lockstep
