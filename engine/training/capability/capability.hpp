#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/parameter.hpp"
#include "engine/training/capability/metric.hpp"
#include "engine/training/capability/step_observer.hpp"
#include "engine/training/trial/trial.hpp"

namespace lockstep {

class Jobs;
struct JobsCapability;

/// What the capabilities that stand before one in the list told of the same trial.
struct EarlierResults {
  std::span<const JobsCapability> capabilities = {};
  std::span<const MetricValues> values = {};  ///< (capabilities); of one that is not asked nothing

  /// A metric's values in the order of its extents; empty where the study does not ask for its
  /// capability, or that stands no earlier. Both names are the program's own: a metric that its
  /// capability does not have aborts.
  std::span<const double> find(std::string_view capability, std::string_view metric) const;
};

/// One trial of all jobs of a design point, when they are trained: what a capability goes on from.
struct TrainedTrial {
  std::uint32_t number;
  const Execution& how;
  std::span<const TrainedJob> jobs;
  /// (jobs) what PreparedCapability::observer made.
  std::span<const std::unique_ptr<StepObserver>> observers;
  EarlierResults earlier = {};
};

/// A capability made ready for the jobs of one design point. Immutable; shared by threads.
class PreparedCapability {
 public:
  virtual ~PreparedCapability() = default;
  /// Its metrics of one trial, of all jobs side by side together: how they merge is its own. A pure
  /// function of (point, seed, trial).
  virtual MetricValues run_trial(const TrainedTrial& trial) const = 0;
  /// Sees the recorded steps of a job in one trial, if the capability looks into them.
  virtual std::unique_ptr<StepObserver> observer(std::size_t /*job*/,
                                                 std::uint32_t /*trial*/) const {
    return nullptr;
  }
  /// What a trial costs on top of training, in units of about 0.1 ns.
  virtual double trial_cost() const { return 0; }
  /// What it chose, or what follows from the topology, for `topology_choice`; "": nothing.
  virtual std::string choice() const { return ""; }
};

/// What a study that asks for a capability wants of a column's numbers.
enum class Aim {
  none,
  more,   ///< design points are judged by it, the more the better
  never,  ///< it is 0, or the design point fails, whatever its other numbers
};

/// A column of the summary's main table and of a report's: the mean of a variable, times `factor`.
struct SummaryColumn {
  std::string_view title, unit;  ///< "serving rate", "tokens/s"; no unit: ""
  std::string_view variable;
  double factor;
  /// Label of the variable's own dimension; "": its first, or it has none.
  std::string_view element = "";
  Aim aim = Aim::none;

  std::string head() const {
    return std::string(title) + (unit.empty() ? "" : " ") + std::string(unit);
  }
};

/// A line, or a column, of what `describe` derives for each design point.
struct CapabilityFact {
  std::string_view head, meaning;
  std::string (*text)(const PreparedCapability& capability);
};

/// What `describe` remarks, or `run` warns of too: texts are added to `texts`.
struct CapabilityNote {
  bool warning;
  void (*find)(const PreparedCapability& capability, const Jobs& jobs,
               std::vector<std::string>& texts);
};

/// What can be asked of a trial beyond its training steps: a row of the table in
/// engine/run/capabilities.cpp. Everything the program knows of it stands here.
struct Capability {
  std::string_view name, summary;
  std::vector<Parameter> (*parameters)();
  std::vector<Metric> (*metrics)();
  std::vector<Extent> (*extents)();  ///< dimensions of its own that its metrics name
  std::span<const SummaryColumn> columns;
  std::span<const CapabilityFact> facts;
  std::span<const CapabilityNote> notes;
  /// Another use of the chips: a study that says nothing of [job] asks for no training beside.
  bool instead_of_training = false;
  /// Changes a job before it is made ready: what its chips can do. nullptr: nothing. Throws
  /// InputError.
  void (*change)(Scenario& job, const Values& values) = nullptr;
  /// Further dimensions, which the parameters set; metrics that name one that is not there are
  /// none. All design points of a study must give the same. nullptr: none.
  std::vector<Extent> (*set_extents)(const Values& values) = nullptr;
  /// For one design point; nullptr where its study does not ask. Throws InputError.
  std::unique_ptr<const PreparedCapability> (*prepare)(const Jobs& jobs);
};

}  // namespace lockstep
