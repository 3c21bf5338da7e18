#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/power/power.hpp"
#include "engine/serving/cell/cell.hpp"
#include "engine/serving/fleet/cell_failures.hpp"
#include "engine/serving/fleet/fleet_cells.hpp"
#include "engine/serving/fleet/replica_links.hpp"
#include "engine/serving/replica/replica_sorts.hpp"
#include "engine/serving/requests/request_source.hpp"
#include "engine/serving/serving.hpp"
#include "engine/serving/serving_metrics.hpp"
#include "engine/training/capability/capability.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose serving_cell{55};
}  // namespace purpose

/// The fleet of a design point as it serves requests: the same chips in the same trial as they
/// train, in the other use. Each trial runs some cells of it, drawn one of each of as many equal
/// stretches of the fleet, from empty; what they do per replica stands for all.
class ServedFleet final : public PreparedCapability {
 public:
  /// Throws InputError on what cannot be served, and on a warm-up or window that is too short.
  explicit ServedFleet(const Jobs& jobs);
  ServedFleet(const ServedFleet&) = delete;  // parts refer to its scenario

  const Serving& serving() const { return serving_; }
  const std::vector<GenerationReplicas>& generations() const { return generations_; }
  const FleetCells& cells() const { return cells_; }
  std::int64_t sampled_cells() const { return sampled_; }
  const RequestMeans& means() const { return means_; }
  /// Whether noise of the study's links reaches replicas of a generation.
  bool links_reach(std::size_t generation) const;
  /// Of the fleet [1/s].
  double rated_requests() const;
  /// That come, over those.
  double load() const { return load_; }
  double warmup() const { return seconds_of(settings_.warmup); }
  double window() const { return seconds_of(settings_.window); }
  /// Requests that come to the sampled cells of a trial.
  double expected_requests() const;

  /// What one of the sampled cells does.
  CellResult run_cell(std::uint32_t trial, std::int64_t sampled, const Execution& how) const;
  MetricValues run_trial(const TrainedTrial& trial) const override;
  double trial_cost() const override;
  std::string choice() const override;

 private:
  void set_times();
  void check_requests_of_trial() const;
  ServedTrial result_of(std::span<const CellResult> cells) const;
  double watts(const CellResult& all) const;

  Scenario scenario_;
  Serving serving_;
  Power power_;
  RequestLaw law_;
  RequestMeans means_;
  Placement placement_;
  ReplicaLinks links_;
  std::vector<GenerationReplicas> generations_;
  FleetCells cells_;
  CellFailures failures_;
  std::vector<std::vector<double>> relative_;
  std::int64_t sampled_ = 1;
  double load_ = 0;
  CellSettings settings_;
};

/// The capability.
extern const Capability serving_capability;

}  // namespace lockstep
