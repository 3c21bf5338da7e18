#include "engine/serving/sketch/quantile_sketch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

constexpr double least = 1e-9, greatest = 1e9;
constexpr double gamma =
    (1 + QuantileSketch::relative_error) / (1 - QuantileSketch::relative_error);
const double log_gamma = elementary::log(gamma);

/// Class of the values in (least gamma^(i-1), least gamma^i].
std::size_t class_of(double value) {
  const double bounded = std::clamp(value, least, greatest);
  return static_cast<std::size_t>(std::ceil(elementary::log(bounded / least) / log_gamma));
}

}  // namespace

QuantileSketch::QuantileSketch() : counts_(class_of(greatest) + 1, 0) {}

void QuantileSketch::add(double value) {
  ++counts_[class_of(value)];
  ++count_;
}

void QuantileSketch::add(const QuantileSketch& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
}

double QuantileSketch::quantile(double q) const {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  const auto rank = static_cast<std::int64_t>(q * static_cast<double>(count_ - 1));
  std::int64_t below = 0;
  std::size_t i = 0;
  while ((below += counts_[i]) <= rank) ++i;
  // The value with equal relative error to both bounds of the class.
  return least * elementary::exp(static_cast<double>(i) * log_gamma) * 2 / (gamma + 1);
}

}  // namespace lockstep
