#include "engine/training/capability/metric.hpp"

#include <limits>

#include "engine/base/distribution.hpp"
#include "engine/base/error.hpp"

namespace lockstep {

double PointParameters::number(std::string_view key, Dimension dimension) const {
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  try {
    const Distribution value = Distribution::parse(text(key), dimension);
    return value.is_none() ? nothing : value.mean();
  } catch (const InputError&) {  // no such parameter, or a file that is not at hand
    return nothing;
  }
}

}  // namespace lockstep
