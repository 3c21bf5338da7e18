#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// The keys by which a study says how a job is split over chips, in the order in which a search
/// chooses them: the values of one may depend on those before it.
inline constexpr std::array<std::string_view, 10> plan_keys{
    "job.tensor",         "job.pipeline",    "job.schedule",
    "job.virtual_stages", "job.context",     "job.expert",
    "job.data_parallel",  "job.shard_group", "job.microbatch_sequences",
    "job.recompute"};

/// Places in plan_keys.
enum PlanKey : std::size_t {
  key_tensor,
  key_pipeline,
  key_schedule,
  key_virtual_stages,
  key_context,
  key_expert,
  key_data_parallel,
  key_shard_group,
  key_microbatch_sequences,
  key_recompute,
};

/// One way to split a job: a value of each of plan_keys, as a study has it; "auto" leaves it to the
/// model.
using ParallelPlan = std::array<std::string, plan_keys.size()>;

/// Sets the keys of a plan, the first `count` of them. Rows are all known parameters.
void set_plan(Values& values, const ParallelPlan& plan, std::span<const Parameter> rows,
              std::size_t count = plan_keys.size());

}  // namespace lockstep
