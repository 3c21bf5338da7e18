#pragma once

#include <cstdint>
#include <functional>

#include "engine/base/execution.hpp"

namespace lockstep {

/// Calls body(i) for every i in 0 .. count-1 on up to how.workers() threads; each call must write
/// only what no other call touches, so that results do not depend on them. With one worker it is a
/// plain loop. For the inside of one large trial, never within another parallel region. Looks
/// before each call whether to give up. The first exception is rethrown when all have ended.
void parallel_for(const Execution& how, std::int64_t count,
                  const std::function<void(std::int64_t)>& body);

}  // namespace lockstep
