#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {

/// What follows from a study's parameters for each design point, gathered while they are built:
/// tokens, replicas, microbatches, groups, bytes, the topology's choice, slices.
class DerivedTable {
 public:
  /// Points come in order, each once.
  void look_at(const Jobs& jobs);

  /// What all design points have in common, a line each, then a table of what differs, if
  /// anything does, with the labels of `axes` in front. Isolated jobs stand side by side:
  /// "1171/390/156". Without the jobs' own where training is not asked for.
  std::string text(const std::vector<Axis>& axes, bool of_training) const;

 private:
  struct Name {
    std::string_view head, meaning;  ///< of a column, of a line
  };
  std::vector<Name> names_;                      ///< of each fact, the same at all points
  std::vector<std::vector<std::string>> cells_;  ///< a row a point, a column a fact; "": nothing
};

}  // namespace lockstep
