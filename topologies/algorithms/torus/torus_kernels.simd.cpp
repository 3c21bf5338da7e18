#include "topologies/algorithms/torus/torus_kernels.hpp"

#include <utility>

#include "engine/base/wide/doubles.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

/// `count` ranks from `to` on, whose messages come from the ranks from `from` on.
[[gnu::always_inline]] inline void advance_run(const TorusRow& row, std::int64_t to,
                                               std::int64_t from, std::int64_t count) {
  const double* __restrict own = row.own + to;
  const double* __restrict source = row.state + from;
  const double* __restrict unit = row.seconds_per_byte + to;
  double* __restrict next = row.next + to;
  const double bytes = row.bytes, latency = row.latency;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const double gap = unit[i] * bytes;
    const double held = own[i] + gap;
    const double passed = source[i] + (latency + gap);
    next[i] = held > passed ? held : passed;
  }
}

void advance(const TorusRow& row) {
  const std::int64_t line = row.length * row.inner;
  for (std::int64_t o = 0; o < row.outer; ++o) {
    const std::int64_t begin = o * line, last = begin + line - row.inner;
    if (row.forward) {
      advance_run(row, begin, last, row.inner);
      advance_run(row, begin + row.inner, begin, line - row.inner);
    } else {
      advance_run(row, begin, begin + row.inner, line - row.inner);
      advance_run(row, last, begin, row.inner);
    }
  }
}

// A register holds one number of each of several lines. What a line gets does not depend on how
// many there are.
constexpr double never = -1e300;

/// Swaps the squares of side `half` off the diagonal of (a, b), rows of a matrix `half` apart.
template <int half, int... lane>
[[gnu::always_inline]] inline void swap_squares(Doubles& a, Doubles& b,
                                                std::integer_sequence<int, lane...>) {
  const Doubles upper =
      __builtin_shufflevector(a, b, ((lane & half) ? double_width + lane - half : lane)...);
  b = __builtin_shufflevector(a, b, ((lane & half) ? double_width + lane : lane + half)...);
  a = upper;
}

template <int half = double_width / 2>
[[gnu::always_inline]] inline void transpose(Doubles* row) {
  for (int i = 0; i < double_width; ++i)
    if (!(i & half))
      swap_squares<half>(row[i], row[i + half], std::make_integer_sequence<int, double_width>{});
  if constexpr (half > 1) transpose<half / 2>(row);
}

/// Ranks begin[l] + m inner of a phase's arrays, line l = 0 .. double_width-1 and place m.
struct Apart {
  std::int64_t begin[double_width];
  std::int64_t inner, length;

  /// Places that whole squares hold.
  std::int64_t square() const { return inner == 1 ? length / double_width * double_width : 0; }

  /// `to`: (length, double_width).
  void copy(const double* from, double* to) const {
    for (std::int64_t m = 0; m < square(); m += double_width) {
      Doubles row[double_width];
      for (int l = 0; l < double_width; ++l) row[l] = load(from + begin[l] + m);
      transpose(row);
      for (int i = 0; i < double_width; ++i) store(to + (m + i) * double_width, row[i]);
    }
    for (int l = 0; l < double_width; ++l)
      for (std::int64_t m = square(); m < length; ++m)
        to[m * double_width + l] = from[begin[l] + m * inner];
  }
  void put_back(const double* from, double* to) const {
    for (std::int64_t m = 0; m < square(); m += double_width) {
      Doubles row[double_width];
      for (int i = 0; i < double_width; ++i) row[i] = load(from + (m + i) * double_width);
      transpose(row);
      for (int l = 0; l < double_width; ++l) store(to + begin[l] + m, row[l]);
    }
    for (int l = 0; l < double_width; ++l)
      for (std::int64_t m = square(); m < length; ++m)
        to[begin[l] + m * inner] = from[m * double_width + l];
  }
};

/// Lines side by side: place m of them, in travel order, is at part + m stride and so on.
struct Abreast {
  const double* part;
  const double* port;
  double* out;
  std::int64_t stride;
  const double* rate;  ///< of each line [s/B]
};

/// What all lines of a phase share, and room to work in.
struct Shared {
  std::int64_t length;
  int passes;
  double bytes_in_rows;  ///< of the length - 1 messages of a pass [B]
  double around;         ///< length latency [s]
  const double* offset;  ///< (length) m latency [s]
  double* u;             ///< (length, wide, double_width)
  double* behind;        ///< the same; max(w(m), u(m+1), u(m+2) ..)
};

constexpr int wide = 2;  // registers of lines at once, where so many lie side by side

template <int registers, bool has_port>
[[gnu::always_inline]] inline void run_lines(const Abreast& lines, const Shared& shared) {
  constexpr int row = registers * double_width;
  Doubles run[registers], wait[registers];
  for (int r = 0; r < registers; ++r) run[r] = Doubles{} + never;
  for (std::int64_t m = shared.length - 1; m >= 0; --m)
    for (int r = 0; r < registers; ++r) {
      const std::int64_t at = m * row + r * double_width,
                         rank = m * lines.stride + r * double_width;
      const Doubles part = load(lines.part + rank);
      const Doubles w = part - shared.offset[m];
      store(shared.behind + at, later(run[r], w));
      Doubles u = w;
      if constexpr (has_port) u = later(part, load(lines.port + rank)) - shared.offset[m];
      store(shared.u + at, u);
      run[r] = later(run[r], u);
    }
  for (int r = 0; r < registers; ++r) {
    wait[r] = load(lines.rate + r * double_width) * shared.bytes_in_rows;
    run[r] = Doubles{} + never;
  }
  for (std::int64_t m = 0; m < shared.length - 1; ++m)
    for (int r = 0; r < registers; ++r) {
      const std::int64_t at = m * row + r * double_width;
      run[r] = later(run[r], load(shared.u + at));
      const Doubles around = load(shared.behind + at + row) + shared.around;
      store(lines.out + m * lines.stride + r * double_width,
            later(run[r], around) + (wait[r] + shared.offset[m]));
    }
  const std::int64_t last = shared.length - 1;
  for (int r = 0; r < registers; ++r)
    store(lines.out + last * lines.stride + r * double_width,
          load(shared.behind + r * double_width) + (wait[r] + shared.offset[last]));
}

template <int registers>
[[gnu::always_inline]] inline void run_lines(const Abreast& lines, const Shared& shared) {
  if (lines.port)
    run_lines<registers, true>(lines, shared);
  else
    run_lines<registers, false>(lines, shared);
  for (int pass = 1; pass < shared.passes; ++pass)
    run_lines<registers, false>({lines.out, nullptr, lines.out, lines.stride, lines.rate}, shared);
}

template <int registers>
[[gnu::always_inline]] inline void run_abreast(const TorusPhase& phase, std::int64_t line,
                                               const Shared& shared) {
  const std::int64_t begin = phase.rank(line, phase.forward ? 0 : phase.length - 1);
  run_lines<registers>(
      {phase.part + begin, phase.port ? phase.port + begin : nullptr, phase.out + begin,
       phase.forward ? phase.inner : -phase.inner, phase.rate + line},
      shared);
}

/// Copies `count` lines to lie side by side, runs them and puts them back.
void run_apart(const TorusPhase& phase, const std::int64_t* line, int count, const Shared& shared,
               double* copies) {
  Apart apart{{}, phase.inner, phase.length};
  double rate[double_width];
  for (int l = 0; l < double_width; ++l) {
    const std::int64_t own = line[l < count ? l : 0];
    apart.begin[l] = phase.rank(own, 0);
    rate[l] = phase.rate[own];
  }
  double* port = phase.port ? copies + double_width * phase.length : nullptr;
  apart.copy(phase.part, copies);
  if (port) apart.copy(phase.port, port);
  const std::int64_t first = phase.forward ? 0 : (phase.length - 1) * double_width;
  run_lines<1>({copies + first, port ? port + first : nullptr, copies + first,
                phase.forward ? double_width : -double_width, rate},
               shared);
  apart.put_back(copies, phase.out);
}

void run_equal_hops(const TorusPhase& phase, double* scratch) {
  const std::int64_t length = phase.length, inner = phase.inner;
  double* offset = scratch;
  for (std::int64_t m = 0; m < length; ++m) offset[m] = static_cast<double>(m) * phase.latency;
  const std::int64_t room = wide * double_width * length;
  const Shared shared{length,
                      phase.passes,
                      static_cast<double>(length - 1) * phase.bytes,
                      static_cast<double>(length) * phase.latency,
                      offset,
                      scratch + length,
                      scratch + length + room};
  double* copies = scratch + length + 2 * room;
  std::int64_t apart[double_width];
  int count = 0;
  for (std::int64_t o = 0; o < phase.outer; ++o) {
    std::int64_t line = o * inner;
    const std::int64_t end = line + inner;
    for (; line + wide * double_width <= end; line += wide * double_width)
      run_abreast<wide>(phase, line, shared);
    for (; line + double_width <= end; line += double_width) run_abreast<1>(phase, line, shared);
    for (; line < end; ++line) {
      apart[count++] = line;
      if (count < double_width) continue;
      run_apart(phase, apart, count, shared, copies);
      count = 0;
    }
  }
  if (count > 0) run_apart(phase, apart, count, shared, copies);
}

static_assert(2 * wide * double_width + 2 * double_width < torus_scratch(1));

}  // namespace

const TorusKernels torus_kernels{advance, run_equal_hops};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
