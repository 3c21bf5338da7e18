#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace lockstep {

/// Who fills the places of a job over a long run. Places are numbered from 0; what fills one is a
/// unit: a node, or nodes that are replaced together. A unit that leaves is repaired and comes
/// back; spares stand beside the job and do not fail there.
class Units {
 public:
  virtual ~Units() = default;

  /// A place that has another unit.
  struct Arrival {
    std::int64_t place;
    bool spare;  ///< of the spares' generation, not of the place's own
  };

  /// Repairs that end until `now`.
  virtual void repair_until(double now) = 0;
  virtual bool is_empty(std::int64_t place) const = 0;
  /// The unit at `place`, which is not empty, is away until `repaired` [s].
  virtual void leave(std::int64_t place, double repaired) = 0;
  /// The job is set up anew, after those who leave now have left. Returns the places that have, or
  /// will have when the job is complete, another unit than before.
  virtual std::vector<Arrival> set_up() = 0;
  /// When the last empty place will have its unit if nothing else fails; `now` where none is empty.
  virtual double complete_at(double now) const = 0;
  virtual std::int64_t empty() const = 0;          ///< places
  virtual std::int64_t spares_in_use() const = 0;  ///< units
};

/// Spare units beside a job; nullopt: always one at hand.
using SpareUnits = std::optional<std::int64_t>;

/// Any unit fills any place: a spare at once where one is free, else the next that is repaired, in
/// order of leaving; otherwise repaired units become spares. With `other_generation` the spares
/// that the run begins with are of another generation: units of the job's own go before them, and
/// take their places whenever the job is set up anew. Cost: a move in the list of repairs a call.
std::unique_ptr<Units> any_units(SpareUnits spares, bool other_generation);

/// The units form a line, closed to a ring where spares are limited, and the job takes `places`
/// consecutive ones: when one leaves, those that are complete soonest, of equals the nearest. The
/// places whose unit left count as arrivals, also where it comes back from repair; the whole units
/// that come and go as the job moves along are taken to be alike. Cost: O((units in repair)^2 +
/// places) a set_up.
std::unique_ptr<Units> consecutive_units(std::int64_t places, SpareUnits spares);

}  // namespace lockstep
