#include "engine/training/phases/chunk_turns.hpp"

namespace lockstep {

ChunkTurns chunk_turns(const Job& job, const PipelineSchedule& schedule, std::int64_t count) {
  const PipelineSchedule::ChunkTimes times = schedule.chunk_times();
  const auto stages = static_cast<std::size_t>(job.pipeline);
  const auto chunks = static_cast<std::size_t>(job.pipeline_shape(1).chunks());
  // Without virtual stages: from the first bucket's turn to the last one's.
  const double buckets = chunks > 1 ? 0 : 1 - 1 / static_cast<double>(count);
  const double share = buckets / static_cast<double>(chunks);
  ChunkTurns turns;
  for (std::size_t s = 0; s < stages; ++s) {
    const double first_used = times.first_forward[s * chunks],
                 last_used =
                     times.first_forward[s * chunks + chunks - 1] + share * (1 - backward_share);
    // The last chunk goes back first.
    const double last_done = times.last_backward[s * chunks],
                 first_done = times.last_backward[s * chunks + chunks - 1] + share * backward_share;
    turns.first_used.push_back(first_used);
    turns.last_used.push_back(first_used + job.overlap * (last_used - first_used));
    turns.last_done.push_back(last_done);
    turns.first_done.push_back(last_done + job.overlap * (first_done - last_done));
  }
  return turns;
}

}  // namespace lockstep
