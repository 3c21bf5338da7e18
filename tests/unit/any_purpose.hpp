#pragma once

#include "engine/base/random.hpp"

namespace lockstep {

/// Of random inputs of tests, which have no purpose in the model.
inline constexpr Purpose any_purpose{10};

}  // namespace lockstep
