#include "engine/serving/requests/rate_course.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

constexpr double shortest_piece = 1e-3, longest_piece = 1;  // [s]
constexpr double horizon = 2e6;  // that virtual clocks know, and no trial reaches [s]

}  // namespace

double RateProfile::factor(double time) const {
  const double at = start + time;
  if (kind == Kind::none) return 1;
  if (kind == Kind::diurnal)
    return elementary::exp(diurnal_kappa * elementary::cos_two_pi((at - diurnal_peak) / 86400)) /
           diurnal_i0;
  const double within = at - std::floor(at / period) * period;
  const auto after = std::upper_bound(times.begin() + 1, times.end(), within);
  return factors[static_cast<std::size_t>(after - times.begin()) - 1];
}

double RateProfile::mean_factor(double time) const {
  if (kind == Kind::none) return 1;
  double sum = 0;
  if (kind == Kind::diurnal) {
    constexpr double piece = 60;  // [s]
    const auto pieces = static_cast<std::int64_t>(std::ceil(time / piece));
    for (std::int64_t i = 0; i < pieces; ++i)
      sum += factor(time * (static_cast<double>(i) + 0.5) / static_cast<double>(pieces));
    return sum / static_cast<double>(pieces);
  }
  const auto expected = [&](double until) {  // since time of day 0
    const double rounds = std::floor(until / period);
    double of_period = 0, of_rest = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
      const double end = i + 1 < times.size() ? times[i + 1] : period;
      of_period += factors[i] * (end - times[i]);
      of_rest += factors[i] * std::clamp(until - rounds * period - times[i], 0.0, end - times[i]);
    }
    return rounds * of_period + of_rest;
  };
  return (expected(start + time) - expected(start)) / time;
}

RateCourse::RateCourse(double rate, const RateProfile& profile, const RateVariation& variation,
                       const Stream& stream, std::uint64_t cell)
    : rate_(rate),
      profile_(&profile),
      constant_(profile.kind == RateProfile::Kind::none && variation.sigma == 0),
      length_(variation.sigma > 0 ? std::clamp(variation.time / 16, shortest_piece, longest_piece)
                                  : longest_piece),
      stream_(stream),
      cell_(cell) {
  if (variation.sigma > 0) {
    keep_ = elementary::exp(-length_ / variation.time);
    sigma_ = elementary::sqrt(elementary::log1p(variation.sigma * variation.sigma));
  }
  next_piece();
}

void RateCourse::next_piece() {
  if (piece_ > 0) {
    begin_ += length_;
    count_ += piece_rate_ * length_;
  }
  double factor = constant_ ? 1 : profile_->factor(begin_);
  if (sigma_ > 0) {
    const double fresh = elementary::normal_quantile(stream_.uniform(cell_, piece_));
    z_ = piece_ == 0 ? fresh : keep_ * z_ + elementary::sqrt(1 - keep_ * keep_) * fresh;
    factor *= elementary::exp(sigma_ * z_ - 0.5 * sigma_ * sigma_);
  }
  piece_rate_ = rate_ * factor;
  ++piece_;
}

double RateCourse::time_of(double count) {
  while (!constant_ && begin_ < horizon && count > count_ + piece_rate_ * length_) next_piece();
  return std::min(begin_ + (count - count_) / piece_rate_, horizon);
}

}  // namespace lockstep
