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
[[gnu::always_inline]] inline const Table& select_kernels(const Table& sse2, const Table& avx2,
                                                          const Table& avx512) {
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

/// Declares the tables `name` of each level, of a type Table, which the kernel file defines as
/// `const Table name{...}` in the namespace lockstep::LOCKSTEP_SIMD_LEVEL, and the function that
/// picks the one in use: `const Table& name()`. Stands in the namespace lockstep. Always inline:
/// a kernel file that includes the header must not leave a copy for its own level.
#define LOCKSTEP_KERNELS(Table, name)                            \
  namespace sse2 {                                               \
  extern const Table name;                                       \
  }                                                              \
  namespace avx2 {                                               \
  extern const Table name;                                       \
  }                                                              \
  namespace avx512 {                                             \
  extern const Table name;                                       \
  }                                                              \
  [[gnu::always_inline]] inline const Table& name() {            \
    return select_kernels(sse2::name, avx2::name, avx512::name); \
  }
