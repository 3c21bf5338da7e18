#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/run/study/study.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {

/// What a reader should know of a study before it runs, gathered while its design points are
/// built. `describe` prints remarks and warnings, `run` the warnings.
class StudyNotes {
 public:
  void look_at(std::size_t point, const Jobs& jobs);

  /// A line each, naming the design points it holds for where not all do; of those that differ in
  /// their numbers alone the first three.
  std::vector<std::string> remarks(const Study& study) const;
  /// The same of what probably is not meant.
  std::vector<std::string> warnings(const Study& study) const;
  /// Whether the study asks for training: it asks for no other use, or says something of a job.
  bool asks_for_training(const Study& study) const;

 private:
  using Note = std::pair<std::string, std::vector<std::size_t>>;  ///< text, points

  std::vector<std::string> lines(const Study& study, bool warnings) const;
  struct Kind {
    bool warning;
    bool of_training;         ///< nothing for a study that asks for another use alone
    std::vector<Note> notes;  ///< in the order found
  };
  std::vector<Kind> kinds_;
  std::set<std::string> generations_;  ///< of all fleets and spares
  bool has_other_use_ = false;
};

}  // namespace lockstep
