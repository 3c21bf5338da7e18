#include "engine/job/pipeline/pipeline_kernels.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

template <class Real>
void run(const PipelineOperation* operations, std::int64_t count, const LanesOf<Real>* times,
         Real transfer, LanesOf<Real>* clocks, LanesOf<Real>* slots) {
  for (std::int64_t i = 0; i < count; ++i) {
    const PipelineOperation operation = operations[i];
    const Real* time = times[operation.time].lane;
    const Real* input = slots[operation.input].lane;
    Real* output = slots[operation.output].lane;
    Real* clock = clocks[operation.stage].lane;
#pragma omp simd
    for (std::int64_t lane = 0; lane < LanesOf<Real>::count; ++lane) {
      const Real start = clock[lane] > input[lane] ? clock[lane] : input[lane];
      const Real end = start + time[lane];
      clock[lane] = end;
      output[lane] = end + transfer;
    }
  }
}

}  // namespace

const PipelineKernels pipeline_kernels{run<double>, run<float>};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
