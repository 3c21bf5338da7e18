#include "topologies/algorithms/ring/ring_chain_kernels.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

constexpr double never = -1e300;

[[gnu::always_inline]] inline double later(double a, double b) {
  return a > b ? a : b;
}

// On the ring rolled out, a start at column s = i - lap ranks is worth
// start(i) + lap x per_lap, start(i) = ready(i) - path(i) + i slope, to every column it reaches. A
// chain into column a begins at a - rows or later and has waited for `slope` only if it passed a
// position of that gap: from 1 - ranks back always, from there on up to the last one.
void quiet_two_laps(const double* ready, const double* path, const double* gap, std::int64_t ranks,
                    std::int64_t rows, double lap, double slope, double* scratch, double* finish) {
  const auto n = static_cast<double>(ranks);
  const double per_lap = lap - n * slope, waits = static_cast<double>(rows) * slope;
  const std::int64_t fewer = 2 * (ranks - 1) - rows;  // rows; 0 or 1
  double* __restrict start = scratch;
  double* __restrict early = scratch + ranks;
#pragma omp simd
  for (std::int64_t i = 0; i < ranks; ++i)
    start[i] = ready[i] - path[i] + static_cast<double>(i) * slope;

  // Starts at 1 - ranks and before, of column a at a - fewer.
  early[ranks] = never;
  early[ranks - 1] = start[1] + per_lap;
  early[ranks - 2] = later(early[ranks - 1], start[0] + per_lap);
  const double two_laps = 2 * per_lap;
  double best = early[ranks - 2];
  for (std::int64_t a = ranks - 3; a >= 0; --a) {
    best = later(best, start[a + 2] + two_laps);
    early[a] = best;
  }
  // Starts after it.
  double passed = never;
  best = never;
  for (std::int64_t i = 1 + fewer; i < ranks; ++i) {
    best = later(best, start[i] + per_lap);
    passed = gap[i] >= slope ? best : passed;
  }
  for (std::int64_t i = 0; i < ranks; ++i) {
    best = later(best, start[i]);
    passed = gap[i] >= slope ? best : passed;
    early[i] = later(early[i + fewer], passed);
  }
#pragma omp simd
  for (std::int64_t i = 0; i < ranks; ++i)
    finish[i] = later(finish[i], early[i] + (path[i] + (waits - static_cast<double>(i) * slope)));
}

// Here a chain passes the gap from any start before column 0 where the first place of that gap is
// at a or before it, else from those up to the last such place.
void quiet_one_lap(const double* ready, const double* path, const double* gap, std::int64_t ranks,
                   std::int64_t rows, double lap, double slope, double* scratch, double* finish) {
  const auto n = static_cast<double>(ranks);
  const double per_lap = lap - n * slope, waits = static_cast<double>(rows) * slope;
  const std::int64_t fewer = ranks - 1 - rows;  // rows; 0 or 1
  double* __restrict start = scratch;
  double* __restrict early = scratch + ranks;
#pragma omp simd
  for (std::int64_t i = 0; i < ranks; ++i)
    start[i] = ready[i] - path[i] + static_cast<double>(i) * slope;

  std::int64_t first = 0, last = ranks - 1;  // places of such a gap
  while (first < ranks && gap[first] < slope) ++first;
  while (last >= 0 && gap[last] < slope) --last;
  double any = never, up_to_last = never;
  early[ranks - 1] = never;
  for (std::int64_t a = ranks - 1 - fewer; a >= 0; --a) {
    early[a] = a >= first ? any : up_to_last;
    const double begun = start[a + fewer] + per_lap;
    any = later(any, begun);
    up_to_last = a + fewer <= last ? later(up_to_last, begun) : up_to_last;
  }
  double best = never, passed = never;
  for (std::int64_t i = 0; i < ranks; ++i) {
    best = later(best, start[i]);
    passed = gap[i] >= slope ? best : passed;
    early[i] = later(early[i], passed);
  }
  if (fewer > 0) {  // a row short of the way from the first column to the last
    best = never;
    for (std::int64_t i = 1; i <= last; ++i) best = later(best, start[i]);
    early[ranks - 1] = best;
  }
#pragma omp simd
  for (std::int64_t i = 0; i < ranks; ++i)
    finish[i] = later(finish[i], early[i] + (path[i] + (waits - static_cast<double>(i) * slope)));
}

double best_start(const double* ready, const double* path, double slope, std::int64_t first,
                  std::int64_t last) {
  double best = never;
#pragma omp simd reduction(max : best)  // the same in any order
  for (std::int64_t i = first; i < last; ++i) {
    const double start = ready[i] - path[i] + static_cast<double>(i) * slope;
    best = best > start ? best : start;
  }
  return best;
}

void raise(const double* path, double slope, double offset, std::int64_t first, std::int64_t last,
           double* finish) {
#pragma omp simd
  for (std::int64_t i = first; i < last; ++i)
    finish[i] = later(finish[i], path[i] - static_cast<double>(i) * slope + offset);
}

// Sixteen at a time: a loop that may stop at any step is not vectorized.
constexpr std::int64_t batch = 16;

[[gnu::always_inline]] inline bool any_above(const double* gap, double bound) {
  int above = 0;
#pragma omp simd reduction(| : above)
  for (std::int64_t i = 0; i < batch; ++i) above |= gap[i] > bound ? 1 : 0;
  return above != 0;
}

std::int64_t next_above(const double* gap, double bound, std::int64_t first, std::int64_t last) {
  while (first + batch <= last && !any_above(gap + first, bound)) first += batch;
  while (first < last && !(gap[first] > bound)) ++first;
  return first;
}

std::int64_t last_above(const double* gap, double bound, std::int64_t first, std::int64_t last) {
  while (last - batch >= first && !any_above(gap + last - batch, bound)) last -= batch;
  while (last > first && !(gap[last - 1] > bound)) --last;
  return last - 1;
}

}  // namespace

const RingChainKernels ring_chain_kernels{quiet_two_laps, quiet_one_lap, best_start,
                                          raise,          next_above,    last_above};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
