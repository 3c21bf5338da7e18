#pragma once

#include <cstdint>
#include <vector>

namespace lockstep {

/// In which order the stages of a pipeline take their microbatches.
enum class ScheduleKind {
  interleaved,  ///< 1F1B, a stage's layers in V chunks (Narayanan et al., arXiv 2104.04473)
  zero_bubble,  ///< ZB-H1: weight gradients fill bubbles (Qi et al., arXiv 2401.10241, section 2)
  dual,         ///< DualPipe: microbatches from both ends (DeepSeek-V3, arXiv 2412.19437, 3.2.1)
};

/// One replica's pipeline. zero_bubble and dual have one virtual stage; dual has an even number of
/// stages (or one) and is meant for even microbatches >= 2 stages: an odd one costs as much as the
/// next even one, and below 2 stages the same order leaves out those that are missing.
struct PipelineShape {
  ScheduleKind kind = ScheduleKind::interleaved;
  std::int64_t stages = 1, virtual_stages = 1, microbatches = 1;

  /// Parts of the model a stage's chips hold: V; dual two, its own stage and the one opposite.
  std::int64_t chunks() const {
    return kind == ScheduleKind::dual && stages > 1 ? 2 : virtual_stages;
  }
};

/// What a microbatch's activations cost from a stage to the next, its gradients on their way back.
struct PipelineTransfer {
  double time = 0;      ///< from an output's end until the next stage has it [s]
  double blocking = 0;  ///< share of it in which the sender computes nothing
};

/// When a chunk's parameters are first needed and its gradients last completed, of like stages,
/// in microbatch times (a microbatch's whole time on one stage). (stages x chunks), the chunks of a
/// stage side by side.
struct ChunkTimes {
  std::vector<double> first_forward;  ///< start of the first forward pass, from the start
  std::vector<double> last_backward;  ///< end of the last backward pass or weights, to the end
};

}  // namespace lockstep
