#include "engine/training/phases.hpp"

#include "engine/job/pipeline_schedule.hpp"

namespace lockstep {

std::span<const Phase> phases() {
  static constexpr Phase rows[] = {
      {.name = "gradients",
       .operation = Operation::all_reduce,
       .group = ParallelGroup::data,
       .bytes = [](const Job& job) { return job.gradient_bytes_per_chip(); },
       .window = [](const Job& job) { return job.overlap * backward_share; },
       .source = "data-parallel all-reduce behind the backward pass: Li et al., PyTorch "
                 "Distributed (VLDB 2020), section 3.2"},
  };
  return rows;
}

}  // namespace lockstep
