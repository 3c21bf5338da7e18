#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/statistics/support.hpp"
#include "engine/training/trial.hpp"

namespace lockstep {

/// One variable that every trial yields: a row of the table that file, summary and docs read.
struct Metric {
  Variable variable;
  /// What some design point must have, or the variable is absent.
  struct Needs {
    bool work = false;      ///< tokens, not job.compute_time in their place
    bool long_run = false;  ///< a reliability.horizon
    bool slices = false;    ///< a reliability.slice_chips
    /// Not for all trials: NaN says that there is none, as of a generation without a chip in the
    /// job. Of any other variable it is an error.
    bool of_each_trial = true;
  } needs;
  /// The trial's values, in the order of the extents; chip_generation is the fleet's own here. None
  /// where the design point does not have it.
  std::span<const double> (*values)(const TrialResult&);
  /// Of its values, a time lost without its most: the horizon.
  Support support = Support::quantity();
};

std::span<const Metric> metrics();

/// Whether a trial may yield the value: a finite one, or NaN where some trials have none.
bool may_yield(const Metric& metric, double value);

/// Index of the variable that counts, trial by trial, the events that lower the one called
/// `variable`; none where nothing counts them.
std::optional<std::size_t> events_counted_by(std::string_view variable,
                                             std::span<const Variable> variables);

/// Support of a variable at a design point of this horizon [s], NaN without one; that of any number
/// where no metric has this name.
Support support_of(std::string_view variable, double horizon);

}  // namespace lockstep
