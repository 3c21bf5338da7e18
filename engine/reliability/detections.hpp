#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace lockstep {

/// When nodes with a persistent straggler will be found out: `after` [s] they began to slow the
/// job. Times are since the run began [s]. Draws: none. Cost: O(log(nodes expected)) a call.
class Detections {
 public:
  explicit Detections(double after) : after_(after) {}

  void expect(double since, std::int64_t node) {
    forget(node);
    due_[node] = since + after_;
    order_.emplace(since + after_, node);
  }
  /// Another node is at the place.
  void forget(std::int64_t node) {
    if (const auto due = due_.find(node); due != due_.end()) {
      order_.erase({due->second, node});
      due_.erase(due);
    }
    held_.erase(node);
  }
  /// Those that were to slow the job from a time after `now` do so from `since` on.
  void put_off(double now, double since) {
    std::vector<std::int64_t> later;
    for (auto due = order_.upper_bound({now + after_, std::numeric_limits<std::int64_t>::max()});
         due != order_.end(); ++due)
      later.push_back(due->second);
    for (std::int64_t node : later) expect(since, node);
  }
  double next() const {
    return order_.empty() ? std::numeric_limits<double>::infinity() : order_.begin()->first;
  }
  /// The node found at next().
  std::int64_t take() {
    const std::int64_t node = order_.begin()->second;
    forget(node);
    return node;
  }
  /// Keeps a node that was due but is not in the job yet.
  void hold(std::int64_t node) { held_.insert(node); }
  std::set<std::int64_t> take_held() { return std::exchange(held_, {}); }

 private:
  double after_;
  std::map<std::int64_t, double> due_;
  std::set<std::pair<double, std::int64_t>> order_;
  std::set<std::int64_t> held_;
};

}  // namespace lockstep
