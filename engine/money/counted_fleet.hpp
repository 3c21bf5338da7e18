#pragma once

#include "engine/money/money.hpp"
#include "engine/money/money_metrics.hpp"
#include "engine/training/capability/capability.hpp"

namespace lockstep {

/// What the fleet of a design point costs and earns in each of its uses, by what power and serving
/// told of the same trial.
class CountedFleet final : public PreparedCapability {
 public:
  /// Throws InputError where no price of a generation is known.
  explicit CountedFleet(const Jobs& jobs);

  MetricValues run_trial(const TrainedTrial& trial) const override;
  /// At rent [USD a year].
  double rent() const { return rent_; }
  /// [USD a year]
  double capital() const { return capital_; }

 private:
  PeriodDollars periods(double year) const;

  Money money_;
  double chips_ = 0;
  double rent_ = 0, capital_ = 0;
};

/// The capability. Comes after those that it reads.
extern const Capability money_capability;

}  // namespace lockstep
