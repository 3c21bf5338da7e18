#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/run/cancellation.hpp"
#include "engine/run/plan.hpp"
#include "engine/storage/result_writer.hpp"

namespace lockstep {

/// How far a run came.
struct Sampling {
  bool complete = false;  ///< all that the file is to hold is written
  std::optional<Stop> stop = {};
};

/// Computes what `writer` does not have yet. Without a stopping rule: `blocks`, in their order.
/// With one: all design points up to the first look, then judged, up to the next, and so on, until
/// the rule is met or sampling.max_trials are run; the looks are fixed and between them nothing is
/// in flight, so that the end is the same for any number of threads and after any interruption.
/// Progress, and how near the rule is, on standard error unless `quiet`. Incomplete only when
/// cancelled; what was computed is then saved. Throws IoError.
Sampling run_sampling(const Plan& plan, const std::vector<std::int64_t>& blocks,
                      ResultWriter& writer, int threads, const Cancellation& cancellation,
                      bool quiet);

}  // namespace lockstep
