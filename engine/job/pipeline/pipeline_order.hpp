#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/job/pipeline/pipeline_kernels.hpp"
#include "engine/job/pipeline/pipeline_shape.hpp"

namespace lockstep {

/// Share of a microbatch's time that its backward pass takes: twice the forward pass. Where it is
/// split, gradients of the inputs and of the weights take half of it each: the products of matrices
/// are as many (Qi et al., arXiv 2401.10241, table 1; attention, which has no weights, left out).
inline constexpr double backward_share = 2.0 / 3.0;

/// What an operation takes: a share of a chunk's time for one microbatch, and what it sends.
struct OperationCost {
  double share = 0;
  std::int32_t sends = 0;
};

/// Which of its stage's chunks an operation works on; none where it does not.
struct OperationChunks {
  std::int32_t forward = none, backward = none;

  static constexpr std::int32_t none = -1;
};

/// The operations of all stages, each after its input and after those before it on its stage.
struct PipelineOrder {
  std::vector<PipelineOperation> operations;
  std::vector<OperationChunks> chunks;  // (operations)
  std::vector<OperationCost> costs;     // PipelineOperation::time of stage s: s x costs + which
  std::int64_t slots = PipelineOperation::first_slot;
};

/// Sizes of the groups in which microbatches take their turn at a chunk: one group where there is
/// one chunk, else p to 2p - 1 each, as even as they can be, the larger ones first.
std::vector<std::int64_t> microbatch_groups(const PipelineShape& shape);

/// `groups` sum up to shape.microbatches. Cost: O(operations).
PipelineOrder pipeline_order(const PipelineShape& shape, std::span<const std::int64_t> groups);

}  // namespace lockstep
