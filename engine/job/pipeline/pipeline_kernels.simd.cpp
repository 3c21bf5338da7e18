#include "engine/job/pipeline/pipeline_kernels.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

void run(const PipelineOperation* operations, std::int64_t count, const PipelineLanes* times,
         double transfer, PipelineLanes* clocks, PipelineLanes* slots) {
  for (std::int64_t i = 0; i < count; ++i) {
    const PipelineOperation operation = operations[i];
    const double* time = times[operation.time].lane;
    const double* input = slots[operation.input].lane;
    double* output = slots[operation.output].lane;
    double* clock = clocks[operation.stage].lane;
#pragma omp simd
    for (std::int64_t lane = 0; lane < pipeline_lanes; ++lane) {
      const double start = clock[lane] > input[lane] ? clock[lane] : input[lane];
      const double end = start + time[lane];
      clock[lane] = end;
      output[lane] = end + transfer;
    }
  }
}

}  // namespace

const PipelineKernels pipeline_kernels{run};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
