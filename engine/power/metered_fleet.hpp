#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/power/meter/power_meter.hpp"
#include "engine/power/power.hpp"
#include "engine/training/trial/trial.hpp"

namespace lockstep {

/// Jobs side by side, the chips that none of them has, and the site around them.
class MeteredFleet {
 public:
  /// The points must outlive it.
  MeteredFleet(std::span<const DesignPoint* const> jobs, const Power& power);

  const std::vector<MeteredJob>& jobs() const { return jobs_; }
  std::unique_ptr<PowerMeter> meter(std::size_t job) const;

  /// Power at the site's meter in one trial.
  struct Trace {
    std::vector<double> watts;     ///< a value every power.resolution [W]
    double energy_per_step = 0;    ///< of all jobs [J]
    double tokens_per_second = 0;  ///< of all jobs
    double held = 0;               ///< of a step, of a chip, by the chips' own floors [s]
    double down = 0;               ///< where all chips of the jobs hold a context alone [W]
  };
  /// From what `meters` (jobs) saw. Jobs begin power.stagger apart; the trace begins with the last
  /// of them and ends with the first that ends. Each job has the storage of its own chips.
  Trace trace(std::span<const TrainedJob> trained, std::span<const PowerMeter* const> meters) const;

 private:
  std::vector<double> behind_storage(std::vector<double> load, double chips) const;

  Power power_;
  std::vector<MeteredJob> jobs_;
  double chips_ = 0;
};

}  // namespace lockstep
