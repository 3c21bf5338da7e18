#include "topologies/algorithms/torus/torus_kernels.hpp"

#include <utility>

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

// A register of doubles: one number of each of several lines. What a line gets does not depend on
// how many there are.
#if defined(__AVX512F__)
constexpr int width = 8;
#elif defined(__AVX2__)
constexpr int width = 4;
#else
constexpr int width = 2;
#endif
using Lanes [[gnu::vector_size(width * sizeof(double))]] = double;
using LanesInMemory
    [[gnu::vector_size(width * sizeof(double)), gnu::aligned(sizeof(double)), gnu::may_alias]] =
        double;

[[gnu::always_inline]] inline Lanes load(const double* p) {
  return *reinterpret_cast<const LanesInMemory*>(p);
}
[[gnu::always_inline]] inline void store(double* p, Lanes v) {
  *reinterpret_cast<LanesInMemory*>(p) = v;
}
[[gnu::always_inline]] inline Lanes later(Lanes a, Lanes b) {
  return a > b ? a : b;
}
constexpr double never = -1e300;

/// Swaps the squares of side `half` off the diagonal of (a, b), rows of a matrix `half` apart.
template <int half, int... lane>
[[gnu::always_inline]] inline void swap_squares(Lanes& a, Lanes& b,
                                                std::integer_sequence<int, lane...>) {
  const Lanes upper =
      __builtin_shufflevector(a, b, ((lane & half) ? width + lane - half : lane)...);
  b = __builtin_shufflevector(a, b, ((lane & half) ? width + lane : lane + half)...);
  a = upper;
}

template <int half = width / 2>
[[gnu::always_inline]] inline void transpose(Lanes* row) {
  for (int i = 0; i < width; ++i)
    if (!(i & half))
      swap_squares<half>(row[i], row[i + half], std::make_integer_sequence<int, width>{});
  if constexpr (half > 1) transpose<half / 2>(row);
}

/// Ranks begin[l] + m inner of a phase's arrays, line l = 0 .. width-1 and place m.
struct Apart {
  std::int64_t begin[width];
  std::int64_t inner, length;

  /// Places that whole squares hold.
  std::int64_t square() const { return inner == 1 ? length / width * width : 0; }

  /// `to`: (length, width).
  void copy(const double* from, double* to) const {
    for (std::int64_t m = 0; m < square(); m += width) {
      Lanes row[width];
      for (int l = 0; l < width; ++l) row[l] = load(from + begin[l] + m);
      transpose(row);
      for (int i = 0; i < width; ++i) store(to + (m + i) * width, row[i]);
    }
    for (int l = 0; l < width; ++l)
      for (std::int64_t m = square(); m < length; ++m)
        to[m * width + l] = from[begin[l] + m * inner];
  }
  void put_back(const double* from, double* to) const {
    for (std::int64_t m = 0; m < square(); m += width) {
      Lanes row[width];
      for (int i = 0; i < width; ++i) row[i] = load(from + (m + i) * width);
      transpose(row);
      for (int l = 0; l < width; ++l) store(to + begin[l] + m, row[l]);
    }
    for (int l = 0; l < width; ++l)
      for (std::int64_t m = square(); m < length; ++m)
        to[begin[l] + m * inner] = from[m * width + l];
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
  double* u;             ///< (length, wide, width)
  double* behind;        ///< the same; max(w(m), u(m+1), u(m+2) ..)
};

constexpr int wide = 2;  // registers of lines at once, where so many lie side by side

template <int registers, bool has_port>
[[gnu::always_inline]] inline void run_lines(const Abreast& lines, const Shared& shared) {
  constexpr int row = registers * width;
  Lanes run[registers], wait[registers];
  for (int r = 0; r < registers; ++r) run[r] = Lanes{} + never;
  for (std::int64_t m = shared.length - 1; m >= 0; --m)
    for (int r = 0; r < registers; ++r) {
      const std::int64_t at = m * row + r * width, rank = m * lines.stride + r * width;
      const Lanes part = load(lines.part + rank);
      const Lanes w = part - shared.offset[m];
      store(shared.behind + at, later(run[r], w));
      Lanes u = w;
      if constexpr (has_port) u = later(part, load(lines.port + rank)) - shared.offset[m];
      store(shared.u + at, u);
      run[r] = later(run[r], u);
    }
  for (int r = 0; r < registers; ++r) {
    wait[r] = load(lines.rate + r * width) * shared.bytes_in_rows;
    run[r] = Lanes{} + never;
  }
  for (std::int64_t m = 0; m < shared.length - 1; ++m)
    for (int r = 0; r < registers; ++r) {
      const std::int64_t at = m * row + r * width;
      run[r] = later(run[r], load(shared.u + at));
      const Lanes around = load(shared.behind + at + row) + shared.around;
      store(lines.out + m * lines.stride + r * width,
            later(run[r], around) + (wait[r] + shared.offset[m]));
    }
  const std::int64_t last = shared.length - 1;
  for (int r = 0; r < registers; ++r)
    store(lines.out + last * lines.stride + r * width,
          load(shared.behind + r * width) + (wait[r] + shared.offset[last]));
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
  double rate[width];
  for (int l = 0; l < width; ++l) {
    const std::int64_t own = line[l < count ? l : 0];
    apart.begin[l] = phase.rank(own, 0);
    rate[l] = phase.rate[own];
  }
  double* port = phase.port ? copies + width * phase.length : nullptr;
  apart.copy(phase.part, copies);
  if (port) apart.copy(phase.port, port);
  const std::int64_t first = phase.forward ? 0 : (phase.length - 1) * width;
  run_lines<1>({copies + first, port ? port + first : nullptr, copies + first,
                phase.forward ? width : -width, rate},
               shared);
  apart.put_back(copies, phase.out);
}

void run_equal_hops(const TorusPhase& phase, double* scratch) {
  const std::int64_t length = phase.length, inner = phase.inner;
  double* offset = scratch;
  for (std::int64_t m = 0; m < length; ++m) offset[m] = static_cast<double>(m) * phase.latency;
  const std::int64_t room = wide * width * length;
  const Shared shared{length,
                      phase.passes,
                      static_cast<double>(length - 1) * phase.bytes,
                      static_cast<double>(length) * phase.latency,
                      offset,
                      scratch + length,
                      scratch + length + room};
  double* copies = scratch + length + 2 * room;
  std::int64_t apart[width];
  int count = 0;
  for (std::int64_t o = 0; o < phase.outer; ++o) {
    std::int64_t line = o * inner;
    const std::int64_t end = line + inner;
    for (; line + wide * width <= end; line += wide * width) run_abreast<wide>(phase, line, shared);
    for (; line + width <= end; line += width) run_abreast<1>(phase, line, shared);
    for (; line < end; ++line) {
      apart[count++] = line;
      if (count < width) continue;
      run_apart(phase, apart, count, shared, copies);
      count = 0;
    }
  }
  if (count > 0) run_apart(phase, apart, count, shared, copies);
}

static_assert(2 * wide * width + 2 * width < torus_scratch(1));

}  // namespace

const TorusKernels torus_kernels{advance, run_equal_hops};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
