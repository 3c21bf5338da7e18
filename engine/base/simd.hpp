#pragma once

#include <string_view>

namespace lockstep {

/// Instruction sets that kernel files (`*.simd.cpp`) are compiled for. Every level gives the same
/// bits; only the speed differs.
enum class SimdLevel { sse2, avx2, avx512 };

/// The level in use: the best of this processor, or what LOCKSTEP_SIMD (sse2, avx2, avx512) asks
/// for. Throws InputError on an unknown or unsupported name. Decided once, at the first call.
SimdLevel simd_level();

std::string_view simd_level_name(SimdLevel level);

/// Picks the table compiled for the level in use.
template <class Table>
const Table& select_kernels(const Table& sse2, const Table& avx2, const Table& avx512) {
  switch (simd_level()) {
    case SimdLevel::avx512:
      return avx512;
    case SimdLevel::avx2:
      return avx2;
    default:
      return sse2;
  }
}

}  // namespace lockstep
