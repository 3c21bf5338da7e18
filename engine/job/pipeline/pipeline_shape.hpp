#pragma once

#include <cstdint>

namespace lockstep {

/// In which order the stages of a pipeline take their microbatches.
enum class Schedule {
  interleaved,  ///< 1F1B, a stage's layers in V chunks (Narayanan et al., arXiv 2104.04473)
  zero_bubble,  ///< ZB-H1: weight gradients fill bubbles (Qi et al., arXiv 2401.10241, section 2)
  dual,         ///< DualPipe: microbatches from both ends (DeepSeek-V3, arXiv 2412.19437, 3.2.1)
};

/// One replica's pipeline. zero_bubble and dual have one virtual stage. dual has an even number of
/// stages (or one), and its order is published for an even number of microbatches, two a stage or
/// more: with fewer the same order leaves out what is missing (an assumption), an odd number costs
/// as much as the next even one.
struct PipelineShape {
  Schedule kind = Schedule::interleaved;
  std::int64_t stages = 1, virtual_stages = 1, microbatches = 1;

  /// Parts of the model a stage's chips hold: V; dual two, its own stage and the one opposite.
  std::int64_t chunks() const { return kind == Schedule::dual && stages > 1 ? 2 : virtual_stages; }
};

/// What a microbatch's activations cost from a stage to the next, its gradients on their way back.
struct PipelineTransfer {
  double time = 0;      ///< from an output's end until the next stage has it [s]
  double blocking = 0;  ///< share of it in which the sender computes nothing
};

}  // namespace lockstep
