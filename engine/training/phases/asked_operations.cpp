#include "engine/training/phases/asked_operations.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/job/pipeline/pipeline_schedule.hpp"
#include "engine/job/stages.hpp"
#include "engine/training/phases/chunk_turns.hpp"

namespace lockstep {
namespace {

/// What a microbatch takes on a stage [s].
double microbatch_time(const Scenario& scenario, double microbatches) {
  const Job& job = scenario.job;
  if (job.compute_time) return *job.compute_time / microbatches;
  double longest = 0;  // of a token on one chip [s]
  for (const FleetGeneration& generation : scenario.fleet.generations) {
    const Chip& chip = generation.chip;
    const FlopPace pace = flop_pace(job, chip.wide_peak > 0 ? chip.peak / chip.wide_peak : 1);
    longest = std::max(longest, computed_flops_per_token(job, pace) /
                                    (chip.peak * chip.stack * job.kernel_efficiency));
  }
  const double tokens = job.microbatch_sequences * job.model.sequence_length;
  return tokens * longest / static_cast<double>(job.context * job.model_parallel());
}

/// Microbatch times that a step is longer for each that a transfer takes.
double exposed_transfers(const Job& job, const PipelineShape& shape) {
  constexpr double little = 1e-6;
  const double without = PipelineSchedule::even_length(shape);
  return (PipelineSchedule::even_length(shape, job.pipeline_transfer(little)) - without) / little;
}

}  // namespace

AskedStep asked_step(const Scenario& scenario, std::int64_t replicas) {
  const Job& job = scenario.job;
  const double microbatches = job.microbatches_each(replicas);
  const PipelineShape shape = job.pipeline_shape(microbatches);
  const double time = microbatch_time(scenario, microbatches);
  const double length = PipelineSchedule::even_length(shape);  // in microbatches, with the bubble
  // What comes before the last microbatches moves no chunk's turn.
  constexpr double enough = 4096;
  const ChunkTurns turns =
      chunk_turns(job, PipelineSchedule(job.pipeline_shape(std::min(microbatches, enough))),
                  job.gradient_chunks(replicas));
  const auto chunks = static_cast<double>(job.gradient_chunks(replicas));
  const double layers = job.model.layers / static_cast<double>(job.pipeline);
  const double hides = job.overlap * time * length;  // of the layers' passes

  std::vector<AskedOperation> asked;
  for (const Phase& phase : scenario.phases) {
    if (!phase.runs(job) || is_free(phase, job)) continue;
    GroupShape groups = shape_of(phase.group, job, replicas);
    if (groups.ranks <= 1) continue;
    if (groups.ranks * groups.stride == replicas * job.model_parallel() &&
        spans_replicas(phase.group))
      groups.ranks = 0;  // as many as the shape has room for
    const double bytes = phase.bytes(job);
    const auto ask = [&](double count, std::int32_t behind, double room, double parts = 1) {
      if (count > 0) asked.push_back({phase.operation, bytes / parts, groups, count, behind, room});
    };
    const double calls = phase.calls(job, microbatches);
    const auto behind = static_cast<std::int32_t>(phase.behind(job));
    constexpr std::int32_t first_forward = 5, last_backward = 6;  // after those of Behind
    const std::array<double, 5> shares{0, 1 - backward_share, backward_share, attention_share(job),
                                       1};
    switch (phase.window) {
      case Window::layer: {
        const double all = calls * layers * length, bare = phase.exposed(job);
        ask(all * bare, -1, 0);
        if (phase.behind(job) != Behind::anything)
          ask(all * (1 - bare), behind, hides * shares[static_cast<std::size_t>(behind)]);
        break;
      }
      case Window::boundary:
        ask(exposed_transfers(job, shape), -1, 0);
        break;
      case Window::first_forward:
        ask(calls, -1, 0, chunks);
        ask(calls * (chunks - 1), first_forward, (turns.last_used[0] - turns.first_used[0]) * time,
            chunks);
        break;
      case Window::last_backward:
        ask(calls, -1, 0, chunks);
        ask(calls * (chunks - 1), last_backward, (turns.first_done[0] - turns.last_done[0]) * time,
            chunks);
        break;
    }
  }
  return {std::move(asked), time * length};
}

}  // namespace lockstep
