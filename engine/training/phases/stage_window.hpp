#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/training/phases/planned_phases.hpp"

namespace lockstep {

class GroupTimes;

/// The only phase of a window, where it runs on the data-parallel groups; else nullptr.
const PlannedPhase* lone_phase(std::span<const PlannedPhase> phases, Window window);

/// What a step needs of a window whose one phase runs on the data-parallel groups. The groups of a
/// stage have the same ready times, and only the latest of them matters; without late messages that
/// follows from numbers of the links alone:
///
/// - forward, where every chip begins at 0, the finish of each replica, latest of its chips there;
/// - backward, how far each replica's ready time is from the latest finish of a class of replicas
///   (CollectiveTrial::run_back), so that this is the latest of ready time + cost.
///
/// A slow link takes no message forward in time: groups with slow links raise what healthy ones
/// have, and the others need not be looked at again. Made where the first trial asks.
class StageWindow {
 public:
  /// `class_of`: (replicas) numbers from 0. `keeps`: healthy links are those of trials, too.
  StageWindow(std::span<const PlannedPhase> phases, Window window, const Layout& layout,
              std::span<const std::uint8_t> class_of, bool keeps);

  /// Whether the window is such a one; several phases carry each rank's finish from one to the
  /// next, and so do phases of other groups.
  bool usable() const { return usable_; }
  std::size_t phase() const { return phase_; }  ///< its place among all
  std::int64_t classes() const { return classes_; }
  /// On healthy links; nullptr if it is not kept.
  const CollectiveTrial* healthy() const { return healthy_.get(); }
  /// (classes, stages, replicas) on healthy links [s].
  const std::vector<double>& times() const { return times_; }
  /// The same with some groups on other links.
  std::vector<double> times_with(GroupTimes& other, std::span<const std::int64_t> slowed) const;

 private:
  friend class GroupTimes;
  bool raise(GroupTimes& each, std::span<const std::int64_t> groups,
             std::vector<double>& times) const;

  const Layout& layout_;
  const PlannedPhase* planned_ = nullptr;
  std::vector<std::uint8_t> class_of_;
  std::int64_t classes_ = 1;
  bool forward_, usable_ = false;
  std::size_t phase_ = 0;
  std::unique_ptr<CollectiveTrial> healthy_;
  std::vector<double> times_;
};

/// The same of one group alone, on the links of a trial; run, with those of its call, where it is
/// asked for first.
class GroupTimes {
 public:
  /// Both must outlive it; a window that is usable, or is made.
  GroupTimes(const StageWindow& window, const CollectiveTrial& trial);
  /// (replicas), of a class [s]; empty where the collective has no pass against time.
  std::span<const double> of(std::int64_t group, std::int64_t number = 0);
  /// Until the last of all is done where all begin together [s].
  double longest(std::int64_t group);

 private:
  const StageWindow& window_;
  const CollectiveTrial& trial_;
  std::int64_t together_;                         // groups of a call
  std::vector<std::unique_ptr<double[]>> calls_;  // (calls) of (classes, groups, replicas) each
  std::unique_ptr<double[]> from_, to_;           // (groups, replicas), rows of a call at a time
};

}  // namespace lockstep
