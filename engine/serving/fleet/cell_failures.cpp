#include "engine/serving/fleet/cell_failures.hpp"

#include <algorithm>
#include <map>

#include "engine/reliability/failures/failures.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {

CellFailures::CellFailures(const Jobs& jobs, double reload_time) {
  if (!reliability_from(jobs.values()).on()) return;
  for (const auto& job : jobs.all()) runs_.emplace_back(*job, jobs.values());
  for (const FleetGeneration& generation : jobs.fleet().generations)
    identities_.push_back(generation.identity);
  down_time_ = runs_.front().reliability().detection_time + reload_time;
}

std::vector<CellChange> CellFailures::of(std::span<const ReplicaPlace> places, std::uint32_t trial,
                                         double end) const {
  std::vector<CellChange> changes;
  if (runs_.empty()) return changes;
  // Replicas by the random identity of their first chip.
  std::map<std::uint64_t, std::int32_t> by_chip;
  const auto identity = [](std::uint32_t high, std::uint32_t low) {
    return static_cast<std::uint64_t>(high) << 32 | low;
  };
  for (std::size_t r = 0; r < places.size(); ++r) {
    const std::uint64_t first = identity(identities_[places[r].generation], places[r].first_chip);
    by_chip[first] = static_cast<std::int32_t>(r);
  }
  for (const PreparedLongRun& run : runs_) {
    const Layout& layout = run.design_point().layout();
    Failures failures(run.reliability(), run.job(), run.design_point().scenario().seed, trial);
    while (true) {
      const Failure failure = failures.next();
      if (!(failure.time < end)) break;
      if (failure.kind == Failure::Kind::delay) continue;
      for (const NodeSpan& span : failure.leaving())
        for (const std::int32_t chip : run.nodes().chips(span.first, span.last)) {
          const auto at = static_cast<std::size_t>(chip);
          auto after = by_chip.upper_bound(identity(layout.entity_high[at], layout.entity_low[at]));
          if (after == by_chip.begin()) continue;
          const auto& [first, replica] = *--after;
          const auto& place = places[static_cast<std::size_t>(replica)];
          if (identity(layout.entity_high[at], layout.entity_low[at]) >= first + place.chips)
            continue;
          changes.push_back({ticks_of(failure.time), replica, CellChange::Kind::failure, 1});
          changes.push_back(
              {ticks_of(failure.time + down_time_), replica, CellChange::Kind::restoration, 1});
        }
    }
  }
  std::ranges::stable_sort(changes, {}, &CellChange::time);
  return changes;
}

}  // namespace lockstep
