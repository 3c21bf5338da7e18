#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "engine/run/study/study.hpp"

namespace lockstep {

/// Collects what is found only when design points are built (a group larger than the fleet, two
/// keys that exclude each other), and says where in the study it comes from.
class ImpossiblePoints {
 public:
  explicit ImpossiblePoints(const Study& study) : study_(study) {}

  /// Runs `build` of a design point; false where it throws InputError, which is kept.
  bool holds(std::size_t point, const std::function<void()>& build);

  /// Throws InputError, as `first_problems` does, when any point was impossible:
  /// "PLACE: problem", or "PLACE: design point NAME: problem" where other points are possible.
  /// PLACE is that of the first key the problem names and the user set, else the study's path.
  void throw_if_any() const;

 private:
  struct Problem {
    std::string text, place;
    std::vector<std::size_t> points;
  };
  const Study& study_;
  std::vector<Problem> problems_;
};

}  // namespace lockstep
