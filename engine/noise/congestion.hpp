#pragma once

#include <array>
#include <span>

#include "engine/base/distribution.hpp"
#include "engine/base/random.hpp"
#include "engine/machine/fabric.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose congestion{13};
}  // namespace purpose

/// How the switches' shared links slow down.
struct CongestionLaw {
  Distribution factor;  ///< on serialization; below 1 counts as 1
  double time = 0;      ///< constant of the correlation in time [s]; 0: none from step to step
  bool on() const { return !factor.is_none(); }
  bool operator==(const CongestionLaw&) const = default;
};

/// Congestion of the tiers in one trial: each follows a stationary Gaussian process of correlation
/// exp(-|t - s| / time), the Ornstein-Uhlenbeck process (Uhlenbeck and Ornstein, Phys. Rev. 36,
/// 1930), through the law's quantiles, so that the factor has its law at every step, the first
/// included. Draws: one a tier and step.
class Congestion {
 public:
  /// `stream` of the trial; entity = tier, draw = step. `law` must outlive this.
  Congestion(const CongestionLaw& law, const Stream& stream);
  /// Moves on to the next step, which begins at `now` [s]. True where the factors changed.
  bool advance(double now);
  /// (tier_count) factors >= 1; empty while off.
  std::span<const double> factors() const;

 private:
  const CongestionLaw& law_;
  Stream stream_;
  std::array<double, tier_count> state_{}, factor_{};
  double last_ = 0;
  std::uint32_t step_ = 0;
};

}  // namespace lockstep
