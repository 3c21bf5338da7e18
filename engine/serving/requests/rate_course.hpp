#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/random.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose request_rate{51};
}  // namespace purpose

/// How the mean rate of requests goes with the time of day, as a factor on it.
struct RateProfile {
  enum class Kind { none, diurnal, table } kind = Kind::none;
  double start = 0;  ///< time of day when the trial begins [s]
  /// Of a table: factors from these times on [s], the first 0; repeated after `period` [s].
  std::vector<double> times = {}, factors = {};
  double period = 86400;

  /// At `time` since the trial began [s].
  double factor(double time) const;
  /// Over the first `time` [s].
  double mean_factor(double time) const;
};

/// A day of the diurnal profile: exp(kappa cos(2 pi (t - 14 h) / day)) / I0(kappa), mean 1.
inline constexpr double diurnal_kappa = 0.72, diurnal_i0 = 1.1338, diurnal_peak = 14 * 3600.0;

/// Slow variation of the rate: the exponential of a stationary Ornstein-Uhlenbeck process, of mean
/// 1.
struct RateVariation {
  double sigma = 0;  ///< standard deviation of the factor; 0: none
  double time = 1;   ///< its correlation falls by e in so long [s]
};

/// The rate, constant over pieces of a second, or a sixteenth of variation.time where that is less
/// but not below 1 ms, and its integral. Draws: of purpose::request_rate one uniform a piece
/// (entity: cell, draw: piece) where the rate varies.
class RateCourse {
 public:
  /// `rate`: mean, of requests [1/s].
  RateCourse(double rate, const RateProfile& profile, const RateVariation& variation,
             const Stream& stream, std::uint64_t cell);
  /// The time at which the expected number of requests since the start is `count`, not below the
  /// last one asked; 2e6 s where it is later [s].
  double time_of(double count);

 private:
  void next_piece();

  double rate_;
  const RateProfile* profile_;
  bool constant_;
  double length_, keep_ = 0, sigma_ = 0;
  Stream stream_;
  std::uint64_t cell_;
  std::uint32_t piece_ = 0;
  double z_ = 0;
  double begin_ = 0, count_ = 0, piece_rate_ = 0;  // of the piece
};

}  // namespace lockstep
