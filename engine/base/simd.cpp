#include "engine/base/simd.hpp"

#include <cpuid.h>

#include <array>
#include <cstdlib>
#include <string>

#include "engine/base/error.hpp"
#include "engine/base/text/nearest.hpp"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 3> names{"sse2", "avx2", "avx512"};

/// F16C, LZCNT and MOVBE, which clang 14's __builtin_cpu_supports does not know.
bool smaller_extensions() {
  unsigned a = 0, b = 0, basic = 0, extended = 0, d = 0;
  return __get_cpuid(1, &a, &b, &basic, &d) && (basic & bit_F16C) && (basic & bit_MOVBE) &&
         __get_cpuid(0x80000001, &a, &b, &extended, &d) && (extended & bit_LZCNT);
}

/// The best level whose whole feature set (x86-64-v3, x86-64-v4, as the compiler assumes it) this
/// processor and its operating system offer.
SimdLevel best_level() {
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                  smaller_extensions();
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? SimdLevel::avx512 : v3 ? SimdLevel::avx2 : SimdLevel::sse2;
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
