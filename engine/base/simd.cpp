#include "engine/base/simd.hpp"

#include <array>
#include <cstdlib>
#include <string>

#include "engine/base/error.hpp"
#include "engine/base/text/nearest.hpp"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 3> names{"sse2", "avx2", "avx512"};

/// The best level whose whole feature set (x86-64-v3, x86-64-v4, as the compiler assumes it) this
/// processor and its operating system offer.
SimdLevel best_level() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return SimdLevel::avx512;
  if (__builtin_cpu_supports("x86-64-v3")) return SimdLevel::avx2;
  return SimdLevel::sse2;
}

SimdLevel choose_level() {
  const SimdLevel best = best_level();
  const char* variable = std::getenv("LOCKSTEP_SIMD");
  if (variable == nullptr || *variable == '\0') return best;
  const std::string_view wanted = variable;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (wanted != names[i]) continue;
    const SimdLevel level = static_cast<SimdLevel>(i);
    if (level <= best) return level;
    throw InputError("LOCKSTEP_SIMD=" + std::string(wanted) +
                     " cannot be used (this processor offers " +
                     std::string(simd_level_name(best)) + " at most) unset it");
  }
  const std::string near = nearest_name(wanted, names);
  throw InputError("LOCKSTEP_SIMD=" + std::string(wanted) +
                   " is unknown (it is one of sse2, avx2, avx512) " +
                   (near.empty() ? "unset it" : "write " + near));
}

}  // namespace

SimdLevel simd_level() {
  static const SimdLevel level = choose_level();
  return level;
}

std::string_view simd_level_name(SimdLevel level) {
  return names[static_cast<std::size_t>(level)];
}

}  // namespace lockstep
