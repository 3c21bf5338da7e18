#include "engine/power/swing.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace lockstep {
namespace {

/// Positions of a sliding window's candidates for its extreme: each beats all after it, so that the
/// front is the window's.
template <class Beats>
class SlidingExtreme {
 public:
  SlidingExtreme(std::span<const double> trace, std::size_t bins) : trace_(trace), bins_(bins) {}
  /// Moves the window's end to `last`, one further than before.
  double move_to(std::size_t last) {
    while (kept_.size() > front_ && !Beats()(trace_[kept_.back()], trace_[last])) kept_.pop_back();
    kept_.push_back(last);
    if (kept_[front_] + bins_ <= last) ++front_;
    return trace_[kept_[front_]];
  }

 private:
  std::span<const double> trace_;
  std::size_t bins_, front_ = 0;
  std::vector<std::size_t> kept_;
};

}  // namespace

Swing swing_of(std::span<const double> trace) {
  double sum = 0;
  for (const double watts : trace) sum += watts;
  const auto [least, most] = std::minmax_element(trace.begin(), trace.end());
  return {sum / static_cast<double>(trace.size()), *most, *least};
}

double largest_change(std::span<const double> trace, std::size_t bins) {
  if (bins > trace.size() || bins == 0) return std::numeric_limits<double>::quiet_NaN();
  SlidingExtreme<std::greater<>> highest(trace, bins);
  SlidingExtreme<std::less<>> lowest(trace, bins);
  double largest = 0;
  for (std::size_t last = 0; last < trace.size(); ++last)
    largest = std::max(largest, highest.move_to(last) - lowest.move_to(last));
  return largest;
}

}  // namespace lockstep
