#include "engine/run/plan_search/plan_bound.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/error.hpp"
#include "engine/job/memory.hpp"
#include "engine/job/stages.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {
namespace {

bool shares_evenly(const Job& job, const Fleet& fleet) {
  return job.work_share == WorkShare::equal ||
         (fleet.generations.size() == 1 && fleet.nodes.empty());
}

/// Generations that some chip of the job is of, however its replicas lie.
std::vector<std::size_t> sure_generations(const Fleet& fleet, std::int64_t chips) {
  std::vector<std::size_t> sure;
  for (std::size_t g = 0; g < fleet.generations.size(); ++g)
    if (chips > fleet.chips() - fleet.generations[g].chips) sure.push_back(g);
  return sure;
}

/// (generations) no chip is faster before noise [FLOP/s].
std::vector<double> fastest_chips(const Job& job, const Fleet& fleet) {
  std::vector<double> relative(fleet.generations.size(), fleet.nodes.empty() ? 1.0 : 0.0);
  for (const FleetNode& node : fleet.nodes)
    relative[node.generation] = std::max(relative[node.generation], node.speed);
  for (std::size_t g = 0; g < relative.size(); ++g) {
    const Chip& chip = fleet.generations[g].chip;
    relative[g] *= chip.peak * job.kernel_efficiency * chip.stack;
  }
  return relative;
}

/// Time of a microbatch on each stage, its layers' traffic included (pipeline) [s], where the mean
/// stage computes for `mean`. The dual schedule's chips take half of each of two stages.
std::vector<double> stage_times(const Job& job, double mean, const LayerTraffic& traffic) {
  std::vector<double> times = stage_shares(job, flop_pace(job)), layers;
  for (const Stage& stage : stages_of(job)) layers.push_back(stage.dense_layers + stage.moe_layers);
  double longest = 0;  // layer
  for (std::size_t s = 0; s < times.size(); ++s)
    if (layers[s] > 0) longest = std::max(longest, mean * times[s] / layers[s]);
  const double hides = job.overlap * longest;
  const double exposed = traffic.bare + std::max(0.0, traffic.behind_pass - hides) +
                         std::max(0.0, traffic.behind_both - hides);
  const bool is_dual = job.schedule == Schedule::dual;
  for (std::size_t s = 0; s < times.size(); ++s) {
    const double held = is_dual ? (layers[s] + layers[times.size() - 1 - s]) / 2 : layers[s];
    const double chunks =
        is_dual ? 0 : std::min(layers[s], static_cast<double>(job.virtual_stages));
    // The less of a call hides in layers, the more layers wait for it than wait at ends.
    times[s] = mean * times[s] + std::max(held * exposed, chunks * traffic.ends);
  }
  return times;
}

/// Stages before one must have passed a chunk forward before it begins, and take it back when it
/// ends, which with zero_bubble its own weights' gradients outlast; with dual, microbatches come
/// from both ends.
double least_length(const Job& job, double microbatches, const std::vector<double>& stages) {
  const double outside = job.schedule == Schedule::dual ? 0
                         : job.schedule == Schedule::zero_bubble
                             ? 1.0 / 3
                             : 1 / static_cast<double>(job.virtual_stages);
  double least = 0, before = 0;
  for (double stage : stages) {
    least = std::max(least, microbatches * stage + outside * before);
    before += stage;
  }
  return least;
}

/// Whether few replicas may speak for all.
bool has_likeness(const Scenario& scenario) {
  return !scenario.topology->settle && shares_evenly(scenario.job, scenario.fleet);
}

/// The replicas that least_traffic looks at.
std::int64_t replicas_looked_at(const Job& job, std::int64_t replicas, TrafficOf of) {
  const std::int64_t coupled = job.coupled_replicas();
  if (of == TrafficOf::activations) return coupled;
  const std::int64_t group = job.shard_replicas(replicas);
  const std::int64_t few = std::max(coupled, most_sharded / coupled * coupled);
  const std::int64_t whole = std::lcm(coupled, group);
  return whole <= few ? whole : std::min(few, replicas / coupled * coupled);
}

/// The same job on so many replicas, each with so many microbatches.
void shrink(Job& job, std::int64_t replicas, double microbatches) {
  job.tokens_per_chip.reset();
  job.tokens_per_batch = microbatches * static_cast<double>(replicas / job.context) *
                         job.microbatch_sequences * job.model.sequence_length;
}

}  // namespace

std::optional<JobEstimate> estimate_job(const Job& job, const Fleet& fleet,
                                        const LayerTraffic& traffic) {
  const std::int64_t copy = job.model_parallel(), coupled = job.coupled_replicas();
  JobEstimate estimate;
  estimate.replicas = job.whole_replicas(replicas_that_fit(fleet, copy, coupled));
  if (estimate.replicas == 0) return std::nullopt;
  const auto chips = static_cast<double>(estimate.replicas * copy);
  const double count =
      job.microbatches_of(job.tokens_per_batch.value_or(job.tokens_per_chip.value_or(0) * chips));
  const auto context = static_cast<double>(job.context);
  const double streams = static_cast<double>(coupled) / context;  // of replicas in step
  const double blocks = static_cast<double>(estimate.replicas / coupled);
  if (count < streams * blocks) return std::nullopt;
  const double total = std::floor(count / streams);
  estimate.microbatches = std::ceil(total / blocks);
  const double tokens_each = job.microbatch_sequences * job.model.sequence_length;
  const double tokens = total * streams * tokens_each;
  estimate.flops = tokens * job.model.flops_per_token();

  const std::vector<double> speed = fastest_chips(job, fleet);
  const double of_token = computed_flops_per_token(job, flop_pace(job));
  double all = 0;
  for (std::size_t g = 0; g < speed.size(); ++g)
    all += speed[g] * static_cast<double>(fleet.generations[g].chips);
  estimate.least_time = tokens * of_token / all;
  if (!shares_evenly(job, fleet)) return estimate;
  double slowest = *std::max_element(speed.begin(), speed.end());
  for (std::size_t g : sure_generations(fleet, estimate.replicas * copy))
    if (fleet.generations[g].chips >= coupled * copy)  // else it may hold some of the stages alone
      slowest = std::min(slowest, speed[g]);
  const double microbatch =
      tokens_each * of_token / (context * static_cast<double>(copy) * slowest);
  estimate.least_time =
      std::max(estimate.least_time,
               least_length(job, estimate.microbatches, stage_times(job, microbatch, traffic)));
  return estimate;
}

double room_for(const Job& job, const Fleet& fleet, const JobEstimate& estimate) {
  double room = 0;
  for (const FleetGeneration& generation : fleet.generations)
    room = std::max(room, generation.chip.hbm);
  for (std::size_t g : sure_generations(fleet, estimate.replicas * job.model_parallel()))
    room = std::min(room, fleet.generations[g].chip.hbm);
  return room;
}

bool whole_gradients_fit(Job job, const Fleet& fleet, const JobEstimate& estimate) {
  job.data_parallel = Sharding::distributed_optimizer;
  const double need = most_memory(job, estimate.replicas, estimate.microbatches).total();
  return std::all_of(
      fleet.generations.begin(), fleet.generations.end(),
      [&](const FleetGeneration& generation) { return need <= generation.chip.hbm; });
}

std::string traffic_key(const ParallelPlan& plan, const Job& job, std::span<const Fleet> fleets,
                        TrafficOf of) {
  std::string key = fmt::format("{} {} {}", plan[key_tensor], plan[key_context], plan[key_expert]);
  if (of == TrafficOf::activations)
    return fmt::format("{} {} {} {}", key, plan[key_microbatch_sequences], plan[key_recompute],
                       plan[key_schedule]);
  for (const Fleet& fleet : fleets)
    key += fmt::format(" {}", replicas_looked_at(job, estimate_job(job, fleet)->replicas, of));
  return key;
}

LayerTraffic least_traffic(const Scenario& scenario, const Placement& placement,
                           const Values& values, const JobEstimate& estimate, TrafficOf of) {
  const bool of_weights = of == TrafficOf::weights;
  if (!has_likeness(scenario) || (of_weights && !scenario.job.shards_weights())) return {};
  std::vector<Phase> rows;
  for (const Phase& phase : scenario.phases)
    if (phase.window == Window::layer && spans_replicas(phase.group) == of_weights)
      rows.push_back(phase);
  Scenario few = scenario;
  few.phases = rows;
  Job& job = few.job;
  const std::int64_t replicas = replicas_looked_at(job, estimate.replicas, of);
  job.pipeline = job.virtual_stages = 1;
  if (of_weights) job.data_parallel = Sharding::fsdp;
  if (job.shard_replicas(estimate.replicas) > replicas) job.shard_group.reset();
  shrink(job, replicas, 1);
  LayerTraffic traffic;
  try {
    const Layout layout =
        arrange(few.fleet, placement, job.tensor, 1, replicas, job.coupled_replicas());
    const Work work = share_work(job, few.fleet, layout);
    const PlannedPhases planned_phases(few, values, layout, work);
    for (const PlannedPhase& planned : planned_phases.all()) {
      const double time = planned.phase->calls(job, 1) * planned.noise_free_time;
      const double bare = planned.phase->exposed(job) * time;
      const Behind behind = planned.phase->behind(job);
      traffic.bare += bare;
      if (behind == Behind::forward || behind == Behind::backward)
        traffic.behind_pass += time - bare;
      if (behind == Behind::both_passes) traffic.behind_both += time - bare;
      if (planned.phase->is_bare_at_end) traffic.ends += (1 - job.interference) * (time - bare);
    }
  } catch (const InputError&) {  // such as a topology that has no machine so small
    return {};
  }
  return traffic;
}

std::optional<double> least_time_of_few(const Scenario& scenario, const Values& values,
                                        const JobEstimate& estimate) {
  constexpr std::int64_t worth = 4;  // times fewer chips than the job has
  if (!has_likeness(scenario)) return std::nullopt;
  Scenario few = scenario;
  Job& job = few.job;
  const std::int64_t copy = job.model_parallel();
  const auto most = [&](std::int64_t unit) {  // whole units, one at least
    return std::max<std::int64_t>(1, few_chips / copy / unit) * unit;
  };
  std::int64_t replicas = most(std::lcm(job.coupled_replicas(), job.shard_group.value_or(1)));
  if (job.shards_weights() &&
      job.shard_replicas(estimate.replicas) > most(job.coupled_replicas())) {
    job.data_parallel = Sharding::fsdp;
    job.shard_group.reset();
    replicas = most(job.coupled_replicas());
  }
  if (replicas * worth > estimate.replicas) return std::nullopt;
  shrink(job, replicas, estimate.microbatches);
  try {
    const DesignPoint point(std::move(few), values, replicas);
    if (point.layout().replicas != replicas) return std::nullopt;
    const QuietStep& quiet = point.quiet_step();
    return quiet.compute + quiet.bubble + quiet.exposed_phases();
  } catch (const InputError&) {  // such as a topology that has no machine so small
    return std::nullopt;
  }
}

}  // namespace lockstep
