#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "engine/network/settled_answers.hpp"
#include "engine/training/group_law.hpp"

namespace lockstep {

/// What the design points of a plan have alike, found once. It grows while the plan is made, one
/// design point after the other; whoever builds points later only reads it, so that neither threads
/// nor their order change anything.
class KnownFacts {
 public:
  const SettledAnswers& answers() const { return answers_; }
  void add(const std::shared_ptr<const SettledAnswer>& answer) { answers_.add(answer); }

  /// Those of such tensor groups; made where they are not known.
  std::shared_ptr<const TensorGroups> groups(const TensorGroups::Kind& kind) const {
    const auto known =
        std::ranges::find_if(groups_, [&](const auto& one) { return one->kind == kind; });
    return known != groups_.end() ? *known : std::make_shared<const TensorGroups>(kind);
  }
  void add(const std::shared_ptr<const TensorGroups>& groups) {
    if (std::ranges::find(groups_, groups) == groups_.end()) groups_.push_back(groups);
  }

 private:
  SettledAnswers answers_;
  std::vector<std::shared_ptr<const TensorGroups>> groups_;
};

}  // namespace lockstep
