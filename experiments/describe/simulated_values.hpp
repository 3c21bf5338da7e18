#pragma once

#include <map>
#include <string>

#include "engine/run/study/study.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {

/// What is simulated for parameters that the study leaves open: the catalogue's figures, what
/// follows from other parameters. Gathered while the design points are built.
class SimulatedValues {
 public:
  struct Shown {
    std::string value, origin;
  };

  void look_at(const Jobs& jobs);

  /// Of a parameter without a value of its own: "-" where it is not used, and "by design point"
  /// where the points differ.
  Shown of(const ResolvedParameter& parameter) const;

 private:
  void keep(const std::string& key, Shown shown);
  void keep_figures(const Chip& chip);

  std::map<std::string, Shown> shown_;
};

}  // namespace lockstep
