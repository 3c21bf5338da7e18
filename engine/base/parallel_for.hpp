#pragma once

#include <cstdint>
#include <functional>

namespace lockstep {

/// Calls body(i) for every i in 0 .. count-1 on up to `workers` threads; each call must write only
/// what no other call touches, so that results do not depend on `workers`. With one worker it is a
/// plain loop. For the inside of one large trial, never within another parallel region. The first
/// exception of a body is rethrown when all have ended.
void parallel_for(int workers, std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace lockstep
