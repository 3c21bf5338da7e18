#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/run/convergence/stopping_rule.hpp"
#include "engine/run/result.hpp"

namespace lockstep {

/// Level of the intervals that a rule is judged by. Above the level of those shown, since a rule
/// stops where an interval is narrow, by chance too: tests/validation/until_coverage_test.cpp.
inline constexpr double judged_level = 0.98;

/// Judges a stopping rule over all design points, and over each generation or cause where the
/// variable has them, from the first trials of each: the order in which blocks come does not
/// matter. Memory: the variable.
class Convergence {
 public:
  /// `schema` must outlive it and have the rule's variable.
  Convergence(const StoppingRule& rule, const ResultSchema& schema);

  void take(const BlockResult& block);
  /// The row farthest from what is asked.
  struct Farthest {
    double excess = 0;       ///< StoppingRule::excess; the rule is met at or below 1
    std::size_t point = 0;   ///< design point of the row
    bool has_value = false;  ///< some row has one
  };
  /// Over each row's first `trials` trials, all of which were taken; rows without a value do not
  /// count, and where none has one excess is infinite. A cause without an event is judged against
  /// all causes of its design point together. Cost O(n log n).
  Farthest farthest(std::int64_t trials) const;

 private:
  StoppingRule rule_;
  const ResultSchema& schema_;
  std::size_t variable_ = 0;
  std::int64_t per_trial_ = 1;
  std::optional<std::size_t> events_variable_;  ///< that counts what moves the variable
  std::vector<std::vector<double>> values_;     ///< of each point: (trials, extents...)
  std::vector<std::vector<double>> events_;     ///< of each point: (trials), where counted
};

}  // namespace lockstep
