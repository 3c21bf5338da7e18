#pragma once

#include <span>

namespace lockstep {

/// Whether the trials say that their law has no finite variance, so that a mean settles slowly and
/// its interval is too narrow: the tail index alpha of the absolute deviations from the median is
/// below 2 even at its upper 99 % limit. alpha by Hill's estimator from the sqrt(n) largest
/// (B. M. Hill, Annals of Statistics 3 (1975) 1163; k alpha / estimate is gamma(k)), and below 2 by
/// the largest fourth of these too. False says nothing: few trials rarely show it. NaNs are left
/// out. Cost O(n log n).
bool variance_seems_infinite(std::span<const double> values);

}  // namespace lockstep
