#pragma once

#include <cstdint>
#include <vector>

#include "engine/training/course/step_course.hpp"
#include "engine/training/design_point.hpp"
#include "engine/training/trial/group_steps.hpp"

namespace lockstep {

/// The steps of a trial, of which only replicas are looked at that can be the slowest.
///
/// In a step no replica is later than its bound (StepCourse::bounds of GroupSteps::range), times
/// what its groups that are drawn anyway, the flagged ones first of all, take over their own bound.
/// Replicas are asked from the latest bound on, until those left could change nothing. All asked or
/// some, the step is the same: the latest of them.
///
/// Looked after: a group that was not flagged and takes more than its bound, and a schedule that
/// ends after its own, make it ask all, and are counted.
class SlowestReplicas {
 public:
  /// The point must outlive it.
  explicit SlowestReplicas(const DesignPoint& point);

  /// The chips and links from now on. Cost: each replica's schedule in single precision.
  void begin(StepCourse& course, GroupSteps::Range range);
  /// Adds replicas to a step that `course` has begun, of what `groups` drew of it; stage_time as
  /// GroupSteps::draw left it. Returns the bounds of those left out; nullptr where one failed.
  const StepCourse::Bounds* add(GroupSteps& groups, StepCourse& course,
                                std::vector<double>& stage_time, const Execution& how);

  /// Replicas asked, and bounds that did not hold.
  std::int64_t asked() const { return asked_; }
  std::int64_t breaches() const { return breaches_; }

 private:
  struct Candidate {
    double behind;
    std::int32_t replica;
    bool operator<(const Candidate& other) const {  // on a heap the latest is first
      return behind > other.behind;
    }
  };
  void find_raised(const GroupSteps& groups, const std::vector<double>& stage_time);
  void ask(std::span<const std::int32_t> replicas, GroupSteps& groups, StepCourse& course,
           std::vector<double>& stage_time, const Execution& how);

  const DesignPoint& point_;
  GroupSteps::Range range_;
  StepCourse::Bounds bounds_;
  std::vector<Candidate> order_;  // by bounds alone, the latest first
  // Of a step:
  std::vector<double> factor_;     // (replicas) over the bounds, at least 1
  std::vector<Candidate> raised_;  // a heap of those with a factor of more, not asked yet
  std::vector<std::uint8_t> is_asked_;
  std::vector<std::int32_t> later_, all_asked_, batch_;  // with a factor of more, asked, asked next
  std::int64_t asked_ = 0, breaches_ = 0;
};

}  // namespace lockstep
