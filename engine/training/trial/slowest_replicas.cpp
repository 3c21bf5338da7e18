#include "engine/training/trial/slowest_replicas.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/job/pipeline/pipeline_kernels.hpp"

namespace lockstep {
namespace {

constexpr int looks = 4;  // batches until it is seen whether many are left

}  // namespace

SlowestReplicas::SlowestReplicas(const DesignPoint& point) : point_(point) {}

void SlowestReplicas::begin(StepCourse& course, GroupSteps::Range range) {
  range_ = std::move(range);
  bounds_ = course.bounds(range_.most, range_.least);
  const std::size_t replicas = bounds_.behind.size();
  factor_.assign(replicas, 1.0);
  is_asked_.assign(replicas, 0);
  order_.clear();
  for (std::size_t r = 0; r < replicas; ++r)
    order_.push_back({bounds_.behind[r], static_cast<std::int32_t>(r)});
  std::ranges::sort(order_, [](const Candidate& a, const Candidate& b) {
    return std::pair(a.behind, a.replica) < std::pair(b.behind, b.replica);
  });
}

const StepCourse::Bounds* SlowestReplicas::add(GroupSteps& groups, StepCourse& course,
                                               std::vector<double>& stage_time,
                                               const Execution& how) {
  find_raised(groups, stage_time);
  course.set_delays(bounds_);
  const std::int64_t before = breaches_;
  std::size_t next = 0;
  double needed = HUGE_VAL;
  const auto take = [&]() -> std::int32_t {
    while (next < order_.size()) {
      const auto r = static_cast<std::size_t>(order_[next].replica);
      if (!is_asked_[r] && factor_[r] == 1) break;
      ++next;
    }
    const bool from_order = next < order_.size() && order_[next].behind < needed;
    if (!raised_.empty() && raised_.front().behind < needed &&
        !(from_order && order_[next].behind < raised_.front().behind)) {
      std::pop_heap(raised_.begin(), raised_.end());
      const std::int32_t replica = raised_.back().replica;
      raised_.pop_back();
      return replica;
    }
    return from_order ? order_[next++].replica : -1;
  };
  for (int batches = 1;; ++batches) {
    batch_.clear();
    // Where many are left they are looked at together.
    const auto left = std::ranges::lower_bound(order_, needed, {}, &Candidate::behind);
    const bool many = batches > looks && 4 * (left - order_.begin()) > std::ssize(order_);
    const std::int64_t most = many ? std::ssize(order_) : pipeline_lanes;
    for (std::int32_t r; std::ssize(batch_) < most && (r = take()) >= 0;) batch_.push_back(r);
    if (batch_.empty()) break;
    ask(batch_, groups, course, stage_time, how);
    needed = breaches_ > before ? HUGE_VAL : course.needed(bounds_);
  }
  for (std::int32_t r : all_asked_) is_asked_[static_cast<std::size_t>(r)] = 0;
  for (std::int32_t r : later_) factor_[static_cast<std::size_t>(r)] = 1;
  return breaches_ > before ? nullptr : &bounds_;
}

/// Those whose drawn groups take more than they are bound to.
void SlowestReplicas::find_raised(const GroupSteps& groups, const std::vector<double>& stage_time) {
  const Layout& layout = point_.layout();
  raised_.clear();
  later_.clear();
  all_asked_.clear();
  for (std::int32_t place : groups.drawn()) {
    const auto p = static_cast<std::size_t>(place);
    const double over = stage_time[p] / range_.most[p];
    if (!(over > 1)) continue;
    for (std::int64_t c = 0; c < layout.coupled; ++c) {
      const std::int64_t replica = place % layout.replicas + c;
      double& factor = factor_[static_cast<std::size_t>(replica)];
      if (factor == 1) later_.push_back(static_cast<std::int32_t>(replica));
      factor = std::max(factor, over);
    }
  }
  bounds_.raised = 0;
  for (std::int32_t replica : later_) {
    const auto r = static_cast<std::size_t>(replica);
    const double raised = (factor_[r] - 1) * bounds_.taken[r];
    raised_.push_back({bounds_.behind[r] - raised, replica});
    bounds_.raised = std::max(bounds_.raised, raised);
  }
  std::make_heap(raised_.begin(), raised_.end());
}

void SlowestReplicas::ask(std::span<const std::int32_t> replicas, GroupSteps& groups,
                          StepCourse& course, std::vector<double>& stage_time,
                          const Execution& how) {
  const bool many = std::ssize(replicas) > pipeline_lanes;
  if (many) groups.ask_all(how, stage_time);
  for (std::int32_t replica : replicas) {
    const auto r = static_cast<std::size_t>(replica);
    is_asked_[r] = 1;
    all_asked_.push_back(replica);
    if (!many) groups.ask(replica, stage_time);
    for (std::size_t i = r; i < stage_time.size(); i += factor_.size())
      breaches_ += stage_time[i] > range_.most[i] * factor_[r] * (1 + 1e-14);
  }
  course.add(replicas, stage_time);
  asked_ += std::ssize(replicas);
  if (many) return;  // their schedules are bounds
  for (std::int32_t replica : replicas) {
    const auto r = static_cast<std::size_t>(replica);
    breaches_ += course.schedule(replica) > bounds_.schedule[r] * factor_[r] * (1 + 1e-12);
  }
}

}  // namespace lockstep
