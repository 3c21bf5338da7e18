#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/job/job.hpp"
#include "engine/job/pipeline/pipeline_order.hpp"

namespace lockstep {

std::int64_t Job::coupled_replicas() const {
  return std::max(context, expert);
}

std::int64_t Job::whole_replicas(std::int64_t replicas) const {
  const std::int64_t together = std::lcm(coupled_replicas(), shard_group.value_or(1));
  return replicas / together * together;
}

std::int64_t Job::shard_replicas(std::int64_t replicas) const {
  return shard_group.value_or(replicas);
}

double Job::optimizer_shards(std::int64_t replicas) const {
  if (data_parallel == Sharding::all_reduce) return 1;
  return static_cast<double>(shards_optimizer_alone() ? replicas : shard_replicas(replicas));
}

double Job::gradient_rounds(double microbatches) const {
  if (virtual_stages == 1) return microbatches;
  const PipelineShape shape = pipeline_shape(microbatches);
  return static_cast<double>(microbatch_groups(shape).size());
}

std::int64_t Job::gradient_chunks(std::int64_t replicas) const {
  const std::int64_t held = pipeline_shape(1).chunks();
  if (held > 1) return held;
  if (buckets) return static_cast<std::int64_t>(*buckets);
  const double least = std::max(40e6, 1e6 * static_cast<double>(replicas));  // parameters
  const double layers = std::ceil(model.layers / static_cast<double>(pipeline));
  const double parts = std::ceil(common_parameters_per_chip() / least);
  return static_cast<std::int64_t>(std::max(1.0, std::min(layers, parts)));
}

double Job::stages_held() const {
  return schedule == Schedule::dual && pipeline > 1 ? 2 : 1;
}

double Job::expert_parameters_per_chip() const {
  return stages_held() * model.experts * model.expert * model.moe_layers() /
         static_cast<double>(model_parallel() * expert);
}

double Job::common_parameters_per_chip() const {
  return stages_held() * (model.parameters - model.experts * model.expert * model.moe_layers()) /
         static_cast<double>(model_parallel());
}

double Job::gradient_bytes_per_chip() const {
  return gradient_bytes ? stages_held() * *gradient_bytes / static_cast<double>(model_parallel())
                        : common_parameters_per_chip() * gradient_precision;
}

double Job::microbatches_each(std::int64_t replicas) const {
  const double streams = static_cast<double>(std::max<std::int64_t>(1, replicas / context));
  if (compute_time) return 1;
  const double tokens = tokens_per_batch.value_or(tokens_per_chip.value_or(0) *
                                                  static_cast<double>(replicas * model_parallel()));
  return std::max(1.0, microbatches_of(tokens) / streams);
}

}  // namespace lockstep
