#pragma once

#include <cstdint>
#include <limits>

#include "engine/base/elementary.hpp"
#include "engine/base/random.hpp"

namespace lockstep {

/// A Poisson process over the horizon, in order of time.
class PoissonEvents {
 public:
  struct Event {
    double time = 0;           ///< since the run began [s]; infinite where none comes any more
    double mark = 0;           ///< uniform in (0, 1): which part, or where in a step
    std::uint32_t number = 0;  ///< from 0
  };

  /// `rate` [1/s], 0 allowed; `horizon` [s]. Draws: one block an event (entity 0, draw = number).
  PoissonEvents(const Stream& stream, double rate, double horizon)
      : stream_(stream), rate_(rate), horizon_(horizon) {}

  Event next() {
    if (rate_ == 0) return {never, 0, 0};
    const auto [gap, mark] = stream_.uniform_pair(0, number_);
    now_ -= elementary::log(gap) / rate_;
    return {now_ < horizon_ ? now_ : never, mark, number_++};
  }

 private:
  static constexpr double never = std::numeric_limits<double>::infinity();

  Stream stream_;
  double rate_, horizon_;
  double now_ = 0;
  std::uint32_t number_ = 0;
};

}  // namespace lockstep
