#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {

/// What a step without noise takes, part by part, at the first design points; further ones are
/// counted. For each phase: group and ranks, buffer, calls a step, time of a call, what of them all
/// is hidden and exposed [s].
class PhaseTable {
 public:
  void look_at(const Jobs& jobs);
  std::string text(const std::vector<Axis>& axes) const;

 private:
  static constexpr std::size_t most_shown = 3;
  std::vector<std::string> tables_;
  std::size_t points_ = 0;
};

}  // namespace lockstep
