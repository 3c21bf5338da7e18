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
  double* behind;        ///< (length + 1, ..); max(w(m), u(m+1), u(m+2) ..)
  double* held;          ///< (length, wide, double_width) between passes against time
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

/// The same against time: place m is at after + m stride.
struct AbreastBack {
  const double* after;
  std::int64_t after_stride;
  double* part;
  double* port;
  std::int64_t stride;
  const double* rate;  ///< of each line [s/B]
};

template <int registers, bool has_port>
[[gnu::always_inline]] inline void run_lines_back(const AbreastBack& lines, const Shared& shared) {
  constexpr int row = registers * double_width;
  Doubles run[registers], wait[registers];
  for (int r = 0; r < registers; ++r) run[r] = Doubles{} + never;
  const std::int64_t last = shared.length - 1;
  for (int r = 0; r < registers; ++r)
    store(shared.behind + (last + 1) * row + r * double_width, run[r]);
  for (std::int64_t m = last; m >= 0; --m)
    for (int r = 0; r < registers; ++r) {
      const std::int64_t at = m * row + r * double_width;
      const Doubles u =
          load(lines.after + m * lines.after_stride + r * double_width) - shared.offset[m];
      store(shared.u + at, u);
      run[r] = later(run[r], u);
      store(shared.behind + at, run[r]);
    }
  for (int r = 0; r < registers; ++r) {
    wait[r] = load(lines.rate + r * double_width) * shared.bytes_in_rows;
    run[r] = Doubles{} + never;
  }
  const auto raise = [](double* time, const Doubles& to) { store(time, later(load(time), to)); };
  for (std::int64_t m = 0; m < last; ++m)
    for (int r = 0; r < registers; ++r) {
      const std::int64_t at = m * row + r * double_width,
                         rank = m * lines.stride + r * double_width;
      run[r] = later(run[r], load(shared.u + at));
      const Doubles base = wait[r] + shared.offset[m];
      const Doubles around = load(shared.behind + at + row) + shared.around;
      raise(lines.part + rank, later(run[r], around) + base);
      if constexpr (has_port) {
        const Doubles beyond = load(shared.behind + at + 2 * row) + shared.around;
        raise(lines.port + rank, later(run[r], beyond) + base);
      }
    }
  for (int r = 0; r < registers; ++r) {
    const std::int64_t at = r * double_width, rank = last * lines.stride + at;
    const Doubles base = wait[r] + shared.offset[last];
    raise(lines.part + rank, load(shared.behind + at) + base);
    if constexpr (has_port) raise(lines.port + rank, load(shared.behind + row + at) + base);
  }
}

/// Passes but for the first end in shared.held, in place: a pass only raises.
template <int registers>
[[gnu::always_inline]] inline void run_lines_back(AbreastBack lines, const Shared& shared) {
  constexpr int row = registers * double_width;
  if (shared.passes > 1)
    for (std::int64_t i = 0; i < shared.length * row; ++i) shared.held[i] = never;
  for (int pass = 1; pass < shared.passes; ++pass) {
    run_lines_back<registers, false>(
        {lines.after, lines.after_stride, shared.held, nullptr, row, lines.rate}, shared);
    lines.after = shared.held;
    lines.after_stride = row;
  }
  if (lines.port)
    run_lines_back<registers, true>(lines, shared);
  else
    run_lines_back<registers, false>(lines, shared);
}

/// What run_equal_hops or run_equal_hops_back does with lines side by side, or copied to be.
struct Forward {
  const TorusPhase& phase;

  template <int registers>
  [[gnu::always_inline]] void abreast(std::int64_t line, const Shared& shared) const {
    const std::int64_t begin = phase.rank(line, phase.forward ? 0 : phase.length - 1);
    run_lines<registers>(
        {phase.part + begin, phase.port ? phase.port + begin : nullptr, phase.out + begin,
         phase.forward ? phase.inner : -phase.inner, phase.rate + line},
        shared);
  }
  void apart(const Apart& lines, const double* rate, const Shared& shared, double* copies) const {
    double* port = phase.port ? copies + double_width * phase.length : nullptr;
    lines.copy(phase.part, copies);
    if (port) lines.copy(phase.port, port);
    const std::int64_t first = phase.forward ? 0 : (phase.length - 1) * double_width;
    run_lines<1>({copies + first, port ? port + first : nullptr, copies + first,
                  phase.forward ? double_width : -double_width, rate},
                 shared);
    lines.put_back(copies, phase.out);
  }
};

struct Backward {
  const TorusPhase& phase;
  const double* after;
  double* part;
  double* port;

  template <int registers>
  [[gnu::always_inline]] void abreast(std::int64_t line, const Shared& shared) const {
    const std::int64_t begin = phase.rank(line, phase.forward ? phase.length - 1 : 0);
    const std::int64_t stride = phase.forward ? -phase.inner : phase.inner;
    run_lines_back<registers>({after + begin, stride, part + begin, port ? port + begin : nullptr,
                               stride, phase.rate + line},
                              shared);
  }
  void apart(const Apart& lines, const double* rate, const Shared& shared, double* copies) const {
    const std::int64_t room = double_width * phase.length;
    double *parts = copies + room, *ports = port ? copies + 2 * room : nullptr;
    lines.copy(after, copies);
    lines.copy(part, parts);
    if (port) lines.copy(port, ports);
    const std::int64_t first = phase.forward ? (phase.length - 1) * double_width : 0;
    const std::int64_t stride = phase.forward ? -double_width : double_width;
    run_lines_back<1>(
        {copies + first, stride, parts + first, ports ? ports + first : nullptr, stride, rate},
        shared);
    lines.put_back(parts, part);
    if (port) lines.put_back(ports, port);
  }
};

template <class Go>
[[gnu::always_inline]] inline void over_lines(const TorusPhase& phase, const Go& go,
                                              double* scratch) {
  const std::int64_t length = phase.length, inner = phase.inner;
  double* offset = scratch;
  for (std::int64_t m = 0; m < length; ++m) offset[m] = static_cast<double>(m) * phase.latency;
  const std::int64_t row = wide * double_width, room = row * length;
  double* const behind = scratch + length + room;
  double* const copies = behind + room + row;
  const Shared shared{length,
                      phase.passes,
                      static_cast<double>(length - 1) * phase.bytes,
                      static_cast<double>(length) * phase.latency,
                      offset,
                      scratch + length,
                      behind,
                      copies + 3 * double_width * length};
  Apart apart{{}, inner, length};
  double rate[double_width];
  int count = 0;
  const auto run_apart = [&] {
    for (int l = count; l < double_width; ++l) {
      apart.begin[l] = apart.begin[0];
      rate[l] = rate[0];
    }
    go.apart(apart, rate, shared, copies);
    count = 0;
  };
  for (std::int64_t o = 0; o < phase.outer; ++o) {
    std::int64_t line = o * inner;
    const std::int64_t end = line + inner;
    for (; line + row <= end; line += row) go.template abreast<wide>(line, shared);
    for (; line + double_width <= end; line += double_width) go.template abreast<1>(line, shared);
    for (; line < end; ++line) {
      apart.begin[count] = phase.rank(line, 0);
      rate[count++] = phase.rate[line];
      if (count == double_width) run_apart();
    }
  }
  if (count > 0) run_apart();
}

void run_equal_hops(const TorusPhase& phase, double* scratch) {
  over_lines(phase, Forward{phase}, scratch);
}

void run_equal_hops_back(const TorusPhase& phase, const double* after, double* part, double* port,
                         double* scratch) {
  over_lines(phase, Backward{phase, after, part, port}, scratch);
}

// Offsets; u, behind and held, and a row that two ranks share; three copies.
static_assert(1 + 3 * wide * double_width + wide * double_width / 2 + 3 * double_width <=
              torus_scratch(1));

}  // namespace

const TorusKernels torus_kernels{advance, run_equal_hops, run_equal_hops_back};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
