#include "engine/base/distributions/kinds.hpp"
#include "engine/base/elementary.hpp"

namespace lockstep {

namespace {

/// x = -m log(1 - u), accurate in both tails.
struct Exponential final : Law {
  explicit Exponential(double m) : scale(m) {}
  double mean() const override { return scale; }
  double variance() const override { return scale * scale; }
  double quantile(double u) const override { return -scale * elementary::log1p(-u); }
  double cdf(double x) const override { return x > 0 ? -elementary::expm1(-x / scale) : 0; }
  double scale;
};

std::shared_ptr<const Law> make(std::size_t, std::span<const double> a) {
  if (a[0] == 0) return make_constant(0);
  return std::make_shared<const Exponential>(a[0]);
}

}  // namespace

DistributionKind exponential_kind() {
  return {"exponential",
          "memoryless waiting time",
          {{{"mean", true, 0, true, "mean"}}},
          "Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions 1 (1994), ch. 19",
          make,
          nullptr};
}

}  // namespace lockstep
