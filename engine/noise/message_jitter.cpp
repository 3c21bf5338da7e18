#include "engine/noise/message_jitter.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

constexpr double greatest_y = 22.2;

float as_float(double delay) {
  return static_cast<float>(std::min(delay, 1e37));
}

double quantile_at(const Distribution& law, double y) {
  return law.quantile(-elementary::expm1(-y));
}

/// The least y of a bin.
float bin_start(std::uint32_t bin) {
  return std::bit_cast<float>((bin + jitter_first_bin) << jitter_bin_shift);
}

/// Whether the law is `scale` times a standard exponential.
bool is_proportional(const Distribution& law, double scale) {
  const auto fits = [&](double y) {
    return std::fabs(quantile_at(law, y) - scale * y) <= 1e-6 * scale * y;
  };
  for (double y = 0x1p-24; y < greatest_y; y *= 1.5)
    if (!fits(y)) return false;
  return fits(greatest_y);
}

/// Straight lines through the quantile, one a bin.
class Tabulation {
 public:
  explicit Tabulation(const Distribution& law)
      : law_(law),
        typical_(std::isfinite(law.mean()) ? law.mean() : quantile_at(law, 1)),
        bins_(jitter_bins) {
    double begin = 0x1p-24, at_begin = quantile_at(law, begin);
    for (std::uint32_t bin = 0; bin < jitter_bins && begin < greatest_y; ++bin) {
      const double end = bin_start(bin + 1), at_end = quantile_at(law, end);
      if (fit(bins_[bin], {begin, end, at_begin, at_end}, 4) > rough)
        fit(bins_[bin], {begin, end, at_begin, at_end}, 256);
      error_ = std::max(error_, bin_error_);
      begin = end;
      at_begin = at_end;
    }
  }

  std::vector<JitterBin> bins() && { return std::move(bins_); }
  double error() const { return error_; }

 private:
  static constexpr double rough = 1e-3;

  struct Range {
    double begin, end, at_begin, at_end;
  };

  /// The chord, moved to the mean of the quantile at `points` midpoints; flat where it would fall
  /// below 0. Returns the error at them and at both ends.
  double fit(JitterBin& line, const Range& range, int points) {
    double slope = (range.at_end - range.at_begin) / (range.end - range.begin);
    double weights = 0, mean = 0, place = 0;
    exact_.assign(1, {range.begin, range.at_begin});
    for (int i = 0; i < points; ++i) {
      const double y = range.begin + (i + 0.5) / points * (range.end - range.begin);
      const double weight = elementary::exp(range.begin - y);
      exact_.push_back({y, quantile_at(law_, y)});
      weights += weight;
      mean += weight * exact_.back()[1];
      place += weight * y;
    }
    exact_.push_back({range.end, range.at_end});
    mean /= weights;
    place /= weights;
    if (mean < slope * (place - range.begin)) slope = 0;
    line = {as_float(mean - slope * place), as_float(slope)};
    bin_error_ = 0;
    for (const auto& [y, exact] : exact_)
      bin_error_ = std::max(bin_error_, std::fabs(static_cast<double>(line.value) +
                                                  static_cast<double>(line.slope) * y - exact) /
                                            std::max(exact, typical_));
    return bin_error_;
  }

  const Distribution& law_;
  double typical_;
  std::vector<JitterBin> bins_;
  std::vector<std::array<double, 2>> exact_;  // y, quantile
  double error_ = 0, bin_error_ = 0;
};

}  // namespace

MessageJitter::MessageJitter(const Distribution& law, const MessageJitterKernels& kernels)
    : law_(law), kernels_(&kernels) {
  scale_ = as_float(law.is_constant() ? law.mean() : quantile_at(law, 1));
  if (law.is_constant() || is_proportional(law, quantile_at(law, 1))) return;
  Tabulation table(law);
  error_ = table.error();
  bins_ = std::make_shared<const std::vector<JitterBin>>(std::move(table).bins());
}

float MessageJitter::delay(float y) const {
  if (law_.is_constant()) return scale_;
  if (!bins_) return scale_ * y;
  const JitterBin& bin =
      (*bins_)[(std::bit_cast<std::uint32_t>(y) >> jitter_bin_shift) - jitter_first_bin];
  return bin.value + bin.slope * y;
}

void MessageJitter::fill(const Stream& stream, std::int64_t group, std::int64_t first,
                         std::span<float> delay) const {
  if (law_.is_constant())
    std::fill(delay.begin(), delay.end(), scale_);
  else
    kernels_->fill(stream, static_cast<std::uint32_t>(group),
                   {scale_, bins_ ? bins_->data() : nullptr}, static_cast<std::uint64_t>(first),
                   static_cast<std::int64_t>(delay.size()), delay.data());
}

}  // namespace lockstep
