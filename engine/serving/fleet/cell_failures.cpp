#include "engine/serving/fleet/cell_failures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/base/error.hpp"
#include "engine/base/text/quantity.hpp"
#include "engine/reliability/failures/failures.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

constexpr double most_failures = 1e8;  // of a trial's past, as of a long run

/// What befalls a job, and at most one of its nodes [1/s].
struct Rates {
  double job = 0, node = 0;
};

Rates rates_of(const PreparedLongRun& run) {
  Rates rates;
  const auto nodes = static_cast<double>(run.job().nodes);
  for (const FailureRate& one : failure_rates(run.reliability(), run.job())) {
    rates.job += one.all;
    if (one.kind != Failure::Kind::delay) rates.node += one.each * std::max(1.0, one.parts / nodes);
  }
  return rates;
}

/// Replicas of a cell by the random identity of their first chip.
class ReplicasByChip {
 public:
  ReplicasByChip(std::span<const ReplicaPlace> places, std::span<const std::uint32_t> identities)
      : places_(places) {
    for (std::size_t r = 0; r < places.size(); ++r)
      by_first_[identity(identities[places[r].generation], places[r].first_chip)] = r;
  }
  /// Its number; -1: the chip is in none.
  std::ptrdiff_t of(std::uint32_t high, std::uint32_t low) const {
    auto after = by_first_.upper_bound(identity(high, low));
    if (after == by_first_.begin()) return -1;
    const auto& [first, replica] = *--after;
    if (identity(high, low) >= first + places_[replica].chips) return -1;
    return static_cast<std::ptrdiff_t>(replica);
  }

 private:
  static std::uint64_t identity(std::uint32_t high, std::uint32_t low) {
    return static_cast<std::uint64_t>(high) << 32 | low;
  }
  std::span<const ReplicaPlace> places_;
  std::map<std::uint64_t, std::size_t> by_first_;
};

}  // namespace

CellFailures::CellFailures(const Jobs& jobs, double reload_time,
                           std::span<const std::int64_t> chips) {
  if (!reliability_from(jobs.values()).on()) return;
  for (const auto& job : jobs.all()) runs_.emplace_back(*job, jobs.values());
  double nodes = 1;  // of a replica
  for (std::size_t g = 0; g < chips.size(); ++g) {
    const FleetGeneration& generation = jobs.fleet().generations[g];
    identities_.push_back(generation.identity);
    nodes = std::max(nodes, std::ceil(static_cast<double>(chips[g]) / generation.chip.node));
  }
  down_time_ = runs_.front().reliability().detection_time + reload_time;
  Rates all;
  for (const PreparedLongRun& run : runs_) {
    const Rates own = rates_of(run);
    all = {all.job + own.job, std::max(all.node, own.node)};
  }
  past_ = 10 * down_time_ * (1 + nodes * all.node * down_time_);
  if (all.job * past_ > most_failures)
    throw InputError(fmt::format(
        "serving.reload_time = {} ({:.2g} failures settle how many replicas are down, of at most "
        "{:.0e}) lower it, or the rates of failures",
        format_quantity(reload_time, Dimension::time), all.job * past_, most_failures));
}

std::vector<CellChange> CellFailures::of(std::span<const ReplicaPlace> places, std::uint32_t trial,
                                         double end) const {
  std::vector<CellChange> changes;
  if (runs_.empty()) return changes;
  const ReplicasByChip replicas(places, identities_);
  std::vector<double> back(places.size(), 0);  // since the long runs began [s]
  for (const PreparedLongRun& run : runs_) {
    const Layout& layout = run.design_point().layout();
    Reliability reliability = run.reliability();
    reliability.horizon = past_ + end;
    Failures failures(reliability, run.job(), run.design_point().scenario().seed, trial);
    while (true) {
      const Failure failure = failures.next();
      if (!(failure.time < past_ + end)) break;
      if (failure.kind == Failure::Kind::delay) continue;
      const double restored = failure.time + down_time_;
      const bool is_seen = failure.time >= past_ || restored > past_;
      for (const NodeSpan& span : failure.leaving())
        for (const std::int32_t chip : run.nodes().chips(span.first, span.last)) {
          const auto at = static_cast<std::size_t>(chip);
          const auto r = replicas.of(layout.entity_high[at], layout.entity_low[at]);
          if (r < 0 || failure.time < back[static_cast<std::size_t>(r)]) continue;
          back[static_cast<std::size_t>(r)] = restored;
          if (!is_seen) continue;
          const auto replica = static_cast<std::int32_t>(r);
          changes.push_back({ticks_of(std::max(0.0, failure.time - past_)), replica,
                             CellChange::Kind::failure, 1});
          changes.push_back(
              {ticks_of(restored - past_), replica, CellChange::Kind::restoration, 1});
        }
    }
  }
  std::ranges::stable_sort(changes, {}, &CellChange::time);
  return changes;
}

}  // namespace lockstep
