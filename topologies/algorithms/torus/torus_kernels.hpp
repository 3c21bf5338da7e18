#pragma once

#include <cstdint>

#include "engine/base/simd.hpp"

namespace lockstep {

/// One phase on the lines of one dimension: every ring of `length` ranks (at least two) passes
/// messages around, in each pass length - 1 rows of them. A line is (outer, inner); ranks are
/// (outer, length, inner), which is the shape of arrays unless said otherwise.
struct TorusPhase {
  std::int64_t outer = 1, length = 2, inner = 1;
  int passes = 1;                ///< one right after the other
  bool forward = true;           ///< messages come from the rank before (else after)
  double bytes = 0;              ///< of one message [B]
  double latency = 0;            ///< of one hop [s]
  const double* rate = nullptr;  ///< (outer, inner) of every hop of a line [s/B]
  const double* part = nullptr;  ///< when each rank holds what it passes on first [s]
  const double* port = nullptr;  ///< when its receive port is free [s]; null: not after `part`
  double* out = nullptr;         ///< when each rank has got the last message [s]; may be `part`

  std::int64_t lines() const { return outer * inner; }
  std::int64_t rows() const { return passes * (length - 1); }
  std::int64_t ranks() const { return outer * length * inner; }
  std::int64_t rank(std::int64_t line, std::int64_t place) const {
    return (line / inner * length + place) * inner + line % inner;
  }
};

/// One row of messages of a phase, hop by hop. Arrays are (outer, length, inner).
struct TorusRow {
  std::int64_t outer = 1, length = 1, inner = 1;
  bool forward = true;
  const double* state = nullptr;  ///< when each rank holds the last message [s]
  const double* own = nullptr;  ///< when its receive port is free (`state` but in a first row) [s]
  const double* seconds_per_byte = nullptr;  ///< of the hop into each rank [s/B]
  double bytes = 0;                          ///< of one message [B]
  double latency = 0;                        ///< of one hop [s]
  double* next = nullptr;                    ///< out [s]
};

struct TorusKernels {
  /// next(i) = max(own(i) + g, state(before i) + latency + g), g = seconds_per_byte(i) bytes.
  void (*advance)(const TorusRow&);

  /// What the rows of a pass, each one `advance`, come to where all hops of a line cost the same,
  /// with own = max(part, port) in the first row: a message that takes j hops to i and waits K - j
  /// rows, K = length - 1, may as well wait first, so that
  ///   out(i) = K g + max(part(i-K) + K latency, max over j < K of own(i-j) + j latency).
  /// With u(m) = own(m) - m latency, w(m) = part(m) - m latency for places m in travel order:
  ///   out(i) = K g + i latency + max(u(0) .. u(i), length latency + max(w(i+1), u(i+2) .. )),
  /// and u(0) is not among them for the last i, whose w is w(0): a running maximum from either
  /// end. A pass after the first has own = part. `scratch`: (torus_scratch(length)). Cost: 0.4 ns a
  /// rank and pass in the second cache, 0.8 ns beyond.
  void (*run_equal_hops)(const TorusPhase&, double* scratch);

  /// Against time: raises how far from the end `part` and, if not null, `port` are to what follows
  /// from `after`, that of the last messages; all (outer, length, inner) [s]. In travel order the
  /// other way round and with u(m) = after(m) - m latency, a pass is
  ///   port(i) = K g + i latency + max(u(0) .. u(i), length latency + max(u(i+2), u(i+3) ..)),
  ///   part(i) the same and u(i+1) too,
  /// where for the last i u(0) stands for u(i+1). `part` may be `after`, for no
  /// pass is shorter than nothing. Scratch as above; cost 0.6 ns a rank and pass.
  void (*run_equal_hops_back)(const TorusPhase&, const double* after, double* part, double* port,
                              double* scratch);
};

/// Doubles of scratch for lines of `length`, two or more.
constexpr std::int64_t torus_scratch(std::int64_t length) {
  return 81 * length;
}

LOCKSTEP_KERNELS(TorusKernels, torus_kernels)

}  // namespace lockstep
