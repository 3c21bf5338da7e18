#include "engine/base/distributions/kinds.hpp"

namespace lockstep {

namespace {

struct Constant final : Law {
  explicit Constant(double only) : value(only) {}
  double mean() const override { return value; }
  double variance() const override { return 0; }
  double quantile(double) const override { return value; }
  double cdf(double x) const override { return x < value ? 0 : 1; }
  double value;
};

}  // namespace

std::shared_ptr<const Law> make_constant(double value) {
  return std::make_shared<const Constant>(value);
}

DistributionKind constant_kind() {
  return {"constant",
          "one value",
          {{{"value", true, 0, true, "the value"}}},
          "definition",
          [](std::size_t, std::span<const double> a) { return make_constant(a[0]); },
          nullptr};
}

}  // namespace lockstep
