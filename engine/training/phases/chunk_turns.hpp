#pragma once

#include <vector>

#include "engine/job/job.hpp"
#include "engine/job/pipeline/pipeline_schedule.hpp"

namespace lockstep {

/// When the chunks of a stage's weights are used first and their gradients are complete, in
/// microbatch times: what a step's phases hide behind. All are (stages).
struct ChunkTurns {
  /// Forward pass of the first and of the last chunk, from the step's start on.
  std::vector<double> first_used, last_used;
  /// Last backward pass of the first and of the last chunk, before the step's end.
  std::vector<double> first_done, last_done;
};

/// Of Job::gradient_chunks. With virtual stages their passes in the schedule; else buckets, evenly
/// over the stage's first forward and last backward pass (Li et al., PyTorch Distributed, VLDB
/// 2020, section 3.2). Of the time from the first to the last, `job.overlap` is kept.
ChunkTurns chunk_turns(const Job& job, const PipelineSchedule& schedule, std::int64_t chunks);

}  // namespace lockstep
