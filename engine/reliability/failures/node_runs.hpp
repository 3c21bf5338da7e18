#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace lockstep {

/// Nodes of a job (places, whoever fills them): first .. last - 1.
struct NodeSpan {
  std::int64_t first = 0, last = 0;
};

/// A number for each node of a job, equal over runs of consecutive ones.
class NodeRuns {
 public:
  /// Appends `nodes` of them with `each`, not negative.
  void add(std::int64_t nodes, double each) {
    if (nodes == 0) return;
    if (runs_.empty() || runs_.back().each != each)
      runs_.push_back({count(), count(), each, total()});
    runs_.back().last += nodes;
  }

  /// Nodes that share one number.
  struct Run {
    std::int64_t first, last;
    double each;
    double before;  ///< sum over the nodes of the runs before

    std::int64_t nodes() const { return last - first; }
    double sum() const { return static_cast<double>(nodes()) * each; }
  };
  const std::vector<Run>& runs() const { return runs_; }

  std::int64_t count() const { return runs_.empty() ? 0 : runs_.back().last; }
  double total() const { return runs_.empty() ? 0 : runs_.back().before + runs_.back().sum(); }
  double of(std::int64_t node) const {
    return std::upper_bound(runs_.begin(), runs_.end(), node,
                            [](std::int64_t n, const Run& run) { return n < run.last; })
        ->each;
  }
  /// The node at share `u` in (0, 1) of the total, which is above 0. Cost: O(log runs).
  std::int64_t at(double u) const {
    if (runs_.size() == 1) return static_cast<std::int64_t>(u * static_cast<double>(count()));
    const double sum = u * total();
    auto run = std::upper_bound(runs_.begin(), runs_.end(), sum,
                                [](double s, const Run& r) { return s < r.before; }) -
               1;
    while (run->each == 0) --run;  // only by rounding
    return std::min(run->last - 1,
                    run->first + static_cast<std::int64_t>((sum - run->before) / run->each));
  }

 private:
  std::vector<Run> runs_;
};

}  // namespace lockstep
