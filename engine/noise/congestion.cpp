#include "engine/noise/congestion.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/elementary.hpp"

namespace lockstep {

Congestion::Congestion(const CongestionLaw& law, const Stream& stream)
    : law_(law), stream_(stream) {
  factor_.fill(1);
}

bool Congestion::advance(double now) {
  if (!law_.on()) return false;
  const bool first = step_ == 0;
  const double kept = first || law_.time == 0 ? 0.0 : elementary::exp(-(now - last_) / law_.time);
  const double fresh = std::sqrt(1 - kept * kept);
  for (Tier tier : {Tier::leaf, Tier::spine, Tier::core}) {
    const auto t = static_cast<std::size_t>(tier);
    state_[t] = kept * state_[t] + fresh * elementary::normal_quantile(stream_.uniform(t, step_));
    // Strictly inside (0, 1), where quantiles are defined.
    const double u = std::clamp(elementary::normal_cdf(state_[t]), 0x1p-53, 1 - 0x1p-53);
    factor_[t] = std::max(1.0, law_.factor.quantile(u));
  }
  last_ = now;
  ++step_;
  return true;
}

std::span<const double> Congestion::factors() const {
  return law_.on() ? std::span<const double>(factor_) : std::span<const double>();
}

}  // namespace lockstep
