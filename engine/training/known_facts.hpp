#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/network/settled_answers.hpp"
#include "engine/training/group_law.hpp"

namespace lockstep {

/// What the design points of a plan have alike, found once: it grows as they are built, by any
/// thread. A fact is the same whoever finds it, so that neither threads nor their order change
/// anything.
class KnownFacts {
 public:
  /// What the topology, which must have `settle`, says to that; asked where it is not known. Throws
  /// InputError as it does.
  std::shared_ptr<const SettledAnswer> answer(const TopologyKind& topology,
                                              const SettleRequest& request) const {
    if (auto known = known_answer(topology, request)) return known;
    return std::make_shared<const SettledAnswer>(topology, request);
  }
  void add(const std::shared_ptr<const SettledAnswer>& answer) {
    const std::lock_guard lock(mutex_);
    answers_.add(answer);
  }

  /// Those of such tensor groups; made where they are not known.
  std::shared_ptr<const TensorGroups> groups(const TensorGroups::Kind& kind) const {
    if (auto known = known_groups(kind)) return known;
    return std::make_shared<const TensorGroups>(kind);
  }
  void add(const std::shared_ptr<const TensorGroups>& groups) {
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(groups_, groups) == groups_.end()) groups_.push_back(groups);
  }

 private:
  std::shared_ptr<const SettledAnswer> known_answer(const TopologyKind& topology,
                                                    const SettleRequest& request) const {
    const std::lock_guard lock(mutex_);
    return answers_.find(topology, request);
  }
  std::shared_ptr<const TensorGroups> known_groups(const TensorGroups::Kind& kind) const {
    const std::lock_guard lock(mutex_);
    const auto known =
        std::ranges::find_if(groups_, [&](const auto& one) { return one->kind == kind; });
    return known != groups_.end() ? *known : nullptr;
  }

  mutable std::mutex mutex_;
  SettledAnswers answers_;
  std::vector<std::shared_ptr<const TensorGroups>> groups_;
};

}  // namespace lockstep
