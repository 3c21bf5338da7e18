#pragma once

#include "engine/reliability/reliability.hpp"

namespace lockstep {

/// Time of computing between checkpoints that take `write_time` [s] and stall it, for which the
/// time to solution is least where interruptions are exponential of mean `between` [s]. Source:
/// J. T. Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps",
/// Future Generation Computer Systems 22 (2006) 303. Infinite without interruptions.
double optimal_checkpoint_interval(double write_time, double between);

/// Whole steps of `step_time` [s] from one checkpoint to the next, at least 1, for a job that is
/// interrupted at `rate` [1/s]; no more than the horizon holds and one more, which is never.
double steps_between_checkpoints(const Reliability& reliability, double rate, double step_time);

}  // namespace lockstep
