#pragma once

#include "engine/job/pipeline/pipeline_shape.hpp"

namespace lockstep {

/// End of the schedule where all stages take the same time and transfers none, in microbatch times.
/// Exact (p stages, m microbatches, V virtual stages):
///   interleaved  max(m, p) + (min(m, p) - 1) / V
///   zero_bubble  m + (p - 1) / 3 + max(p - m, 0) / 3
///   dual         m + (p - 2) / 3, and below 2 p as PipelineShape says; m rounded up to even
/// The bubbles for m >= p (dual 2 p) are those of the papers: (p-1)(F+B)/V, (p-1)(F+B-2W),
/// (p/2-1)(F&B+B-3W) with F = B/2 = W = F&B/3 a third of a microbatch (B the whole backward pass).
double even_length(const PipelineShape& shape);

/// An upper bound without transfers [s], from the sum and the largest of what all microbatches take
/// on each stage [s]; `even_length` where they are alike. In dual, and in zero_bubble below p
/// microbatches, every stage counts as the slowest, which is never too short. The others were found
/// by trial: interleaved is equal to the end where the slowest stage is the last, and short by up
/// to 1 % (3 %) where V > 1 and both end stages are five times (any times) as slow as all between.
double still_bound(const PipelineShape& shape, double sum, double slowest);

}  // namespace lockstep
