#include "engine/training/design_point.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/job/memory.hpp"
#include "engine/training/course/step_course.hpp"
#include "engine/training/phases/asked_operations.hpp"

namespace lockstep {
DesignPoint::DesignPoint(const Values& values, std::span<const TopologyKind* const> topologies,
                         std::uint64_t seed)
    : DesignPoint(scenario_from(values, topologies, seed), values) {}

DesignPoint::DesignPoint(Scenario scenario, const Values& values, std::int64_t most_replicas,
                         const KnownFacts& known)
    : scenario_(std::move(scenario)), values_(values), settled_(values) {
  const Job& job = scenario_.job;
  const Placement placement = place(scenario_.fleet, scenario_.seed);
  const std::int64_t coupled = job.coupled_replicas();
  const std::int64_t fitting =
      std::min(most_replicas, replicas_that_fit(scenario_.fleet, job.model_parallel(), coupled));
  settle_topology(fitting, known);
  const std::int64_t usable =
      fitting == 0 ? 0
                   : scenario_.topology->usable_replicas(settled_, fitting, job.model_parallel());
  // A torus has no chips to leave out.
  const std::int64_t whole = job.whole_replicas(usable);
  if (whole < usable && (whole == 0 || !scenario_.topology->is_local))
    throw InputError(fmt::format(
        "{} replicas are no whole groups (job.context = {}, job.expert = {}, job.shard_group = {}) "
        "make these divide the replicas that topology.kind = {} has, or take other chips",
        usable, job.context, job.expert, job.shard_group.value_or(1), scenario_.topology->name));
  if (job.data_parallel == Sharding::fsdp && job.shard_group.value_or(whole) < whole)
    throw InputError(fmt::format(
        "job.shard_group = {} (job.data_parallel = fsdp shares one copy of the weights over all {} "
        "replicas) take hsdp, which sums gradients across groups, or leave it out",
        *job.shard_group, whole));
  layout_ = arrange(scenario_.fleet, placement, job.tensor, job.pipeline, whole, coupled);
  identities_ = ChipIdentities(layout_);
  work_ = share_work(job, scenario_.fleet, layout_);
  planned_.emplace(scenario_, settled_, layout_, work_);
  if (job.work_share == WorkShare::proportional) share_work_anew();
  const double microbatches = std::ranges::max(work_.microbatches);
  const double layers_per_stage = job.model.layers / static_cast<double>(job.pipeline);
  tensor_groups_ = known.groups({.chips = job.tensor * coupled,
                                 .operation_jitter = scenario_.noise.operation_jitter,
                                 .synchronizations = job.synchronizations.value_or(
                                     std::max(1.0, 4 * layers_per_stage * microbatches)),
                                 .step_jitter = scenario_.noise.step_jitter});
  clipping_time_ = job.gradient_clipping ? kept_phase().collective->scalar_all_reduce_time() : 0;
  find_runs();
  find_pipelines();
  turns_ = lockstep::chunk_turns(job, pipelines_.front(), chunks());
  find_optimizer_times();
  find_quiet_step();
}

std::optional<DesignPoint> DesignPoint::quiet_with_replicas(std::int64_t replicas) const {
  Scenario smaller = scenario_;
  const auto all = static_cast<double>(layout_.replicas), left = static_cast<double>(replicas);
  if (smaller.job.compute_time) {
    *smaller.job.compute_time *= all / left;
  } else {
    smaller.job.tokens_per_batch = work_.tokens;
    smaller.job.tokens_per_chip.reset();
  }
  smaller.noise = {};
  smaller.job.expert_imbalance = {};
  smaller.fleet.chip_spread = 0;
  try {
    return std::optional<DesignPoint>(std::in_place, std::move(smaller), values_, replicas);
  } catch (const InputError&) {  // such as a shape that is given
    return std::nullopt;
  }
}

double DesignPoint::used_peak() const {
  double peak = 0;
  for (std::size_t g = 0; g < chips_by_generation_.size(); ++g)
    peak += chips_by_generation_[g] * scenario_.fleet.generations[g].chip.peak;
  return peak;
}

double DesignPoint::bubble(std::int64_t replica) const {
  const double microbatches = work_.microbatches[static_cast<std::size_t>(replica)];
  return PipelineSchedule::even_length(scenario_.job.pipeline_shape(microbatches)) / microbatches -
         1;
}

void DesignPoint::pipeline_ends(const double* stage_time, double transfer,
                                std::span<const std::int32_t> replicas, double* end) const {
  by_pipeline(&PipelineSchedule::ends, stage_time, transfer, replicas, end);
}

void DesignPoint::pipeline_most_ends(const double* stage_time, double transfer,
                                     std::span<const std::int32_t> replicas, double* end) const {
  by_pipeline(&PipelineSchedule::most_ends, stage_time, transfer, replicas, end);
}

bool DesignPoint::pipelines_are_exact() const {
  return std::ranges::all_of(pipelines_, &PipelineSchedule::is_exact);
}

void DesignPoint::by_pipeline(Ends ends, const double* stage_time, double transfer,
                              std::span<const std::int32_t> replicas, double* end) const {
  std::vector<std::int32_t> sorted(replicas.begin(), replicas.end());
  const auto pipeline = [&](std::int32_t r) { return pipeline_of_[static_cast<std::size_t>(r)]; };
  if (pipelines_.size() > 1) std::ranges::stable_sort(sorted, {}, pipeline);
  for (auto first = sorted.begin(); first != sorted.end();) {
    const std::int32_t which = pipeline(*first);
    const auto last = std::ranges::upper_bound(first, sorted.end(), which, {}, pipeline);
    (pipelines_[static_cast<std::size_t>(which)].*ends)(stage_time, layout_.replicas, {first, last},
                                                        end,
                                                        scenario_.job.pipeline_transfer(transfer));
    first = last;
  }
}

double DesignPoint::pipeline_bound(std::int64_t replica, std::span<const double> stage_time) const {
  const auto i = static_cast<std::size_t>(pipeline_of_[static_cast<std::size_t>(replica)]);
  return pipelines_[i].bound(stage_time);
}

void DesignPoint::find_pipelines() {
  std::map<double, std::int32_t> known;
  for (std::int32_t r = 0; r < layout_.replicas; ++r) {
    const double microbatches = work_.microbatches[static_cast<std::size_t>(r)];
    const auto [place, is_new] =
        known.try_emplace(microbatches, static_cast<std::int32_t>(pipelines_.size()));
    if (is_new) pipelines_.emplace_back(scenario_.job.pipeline_shape(microbatches));
    pipeline_of_.push_back(place->second);
  }
}

void DesignPoint::find_runs() {
  chips_by_generation_.assign(scenario_.fleet.generations.size(), 0);
  runs_.resize(static_cast<std::size_t>(layout_.groups()));
  for (std::int64_t g = 0; g < layout_.groups(); ++g)
    for (std::int64_t r = 0; r < layout_.replicas; ++r) {
      auto& runs = runs_[static_cast<std::size_t>(g)];
      const std::uint8_t generation =
          layout_.generation[static_cast<std::size_t>(layout_.at(g, r))];
      if (runs.empty() || runs.back().generation != generation) runs.push_back({r, r, generation});
      runs.back().end = r + 1;
      chips_by_generation_[generation] += 1;
    }
}

void DesignPoint::settle_topology(std::int64_t replicas, const KnownFacts& known) {
  const TopologyKind& topology = *scenario_.topology;
  if (!topology.settle || replicas == 0) return;
  const AskedStep asked = asked_step(scenario_, replicas);
  const SettleRequest request{.values = values_,
                              .fleet = scenario_.fleet,
                              .fabric = scenario_.fabric,
                              .replicas = replicas,
                              .tensor = scenario_.job.tensor,
                              .pipeline = scenario_.job.pipeline,
                              .asked = asked.operations,
                              .computing = asked.computing};
  answer_ = known.answer(topology, request);
  Settled settled = answer_->settled(request);
  settled_ = std::move(settled.values);
  settled_note_ = std::move(settled.note);
}

/// Proportional shares know what a microbatch's traffic takes beside its compute.
void DesignPoint::share_work_anew() {
  const std::vector<double> exposed = planned_->exposed_of_microbatch(phases().size(), {});
  const auto stages = static_cast<std::size_t>(layout_.pipeline);
  std::vector<double> beside;  // the mean over stages
  for (auto first = exposed.begin(); first != exposed.end(); first += layout_.pipeline)
    beside.push_back(std::accumulate(first, first + layout_.pipeline, 0.0) /
                     static_cast<double>(stages));
  work_ = share_work(scenario_.job, scenario_.fleet, layout_, beside);
  planned_->count_calls(std::ranges::max(work_.microbatches));
}

const PlannedPhase& DesignPoint::kept_phase() const {
  return *std::find_if(phases().begin(), phases().end(),
                       [](const PlannedPhase& planned) { return planned.collective != nullptr; });
}

std::string DesignPoint::choice() const {
  std::vector<std::pair<std::string, std::vector<std::string_view>>> choices;  // for these phases
  for (const PlannedPhase& planned : phases()) {
    auto known = std::find_if(choices.begin(), choices.end(),
                              [&](const auto& one) { return one.first == planned.choice; });
    if (known == choices.end()) known = choices.insert(known, {planned.choice, {}});
    known->second.push_back(planned.phase->name);
  }
  std::string text;
  for (const auto& [choice, names] : choices) {
    if (choices.size() > 1)
      text += fmt::format("{}{}: ", text.empty() ? "" : "; ", fmt::join(names, ", "));
    text += choice;
  }
  if (!settled_note_.empty()) text += fmt::format(" ({})", settled_note_);
  return text;
}

bool DesignPoint::extrapolated() const {
  return std::any_of(phases().begin(), phases().end(),
                     [](const PlannedPhase& planned) { return planned.extrapolated; });
}

double DesignPoint::noise_free_communication_time() const {
  double time = 0;
  for (const PlannedPhase& planned : phases())
    if (planned.is_of(Window::first_forward) || planned.is_of(Window::last_backward))
      time += planned.calls * planned.noise_free_time;
  return time;
}

std::vector<double> DesignPoint::noise_free_communication() const {
  std::vector<double> all = chips_by_generation_;
  for (double& chips : all) chips *= quiet_.exposed_phases() + quiet_.clipping;
  return all;
}

void DesignPoint::find_optimizer_times() {
  for (const auto& generation : scenario_.fleet.generations)
    optimizer_time_.push_back(lockstep::optimizer_time(
        scenario_.job, generation.chip, scenario_.job.optimizer_shards(layout_.replicas)));
  update_time_.assign(static_cast<std::size_t>(layout_.replicas), 0.0);
  for (std::size_t i = 0; i < layout_.generation.size(); ++i) {
    double& slowest = update_time_[i % update_time_.size()];
    slowest = std::max(slowest, optimizer_time_[layout_.generation[i]]);
  }
}

const DesignPoint::Windows& DesignPoint::windows() const {
  std::call_once(windows_->once, [&] {
    std::vector<double> updates = update_time_;
    std::ranges::sort(updates);
    updates.erase(std::unique(updates.begin(), updates.end()), updates.end());
    std::vector<std::uint8_t> class_of;
    for (double update : update_time_)
      class_of.push_back(
          static_cast<std::uint8_t>(std::ranges::lower_bound(updates, update) - updates.begin()));
    const std::vector<std::uint8_t> one(class_of.size(), 0);
    const bool keeps = scenario_.noise.slow_link_fraction == 0;
    windows_->windows.emplace(Windows{{phases(), Window::first_forward, layout_, one, keeps},
                                      {phases(), Window::last_backward, layout_, class_of, keeps},
                                      updates});
  });
  return *windows_->windows;
}

/// (stages, replicas) [s].
std::vector<double> DesignPoint::quiet_stage_times() const {
  const auto replicas = static_cast<std::size_t>(layout_.replicas);
  std::vector<double> stage(static_cast<std::size_t>(layout_.pipeline) * replicas, 0.0);
  for (std::int64_t g = 0; g < layout_.groups(); ++g)
    for (std::size_t r = 0; r < replicas; ++r) {
      double& slowest = stage[static_cast<std::size_t>(g / layout_.tensor) * replicas + r];
      slowest = std::max(slowest, work_.chip_time[static_cast<std::size_t>(layout_.at(g, 0)) + r]);
    }
  return stage;
}

/// Where hardly two replicas are alike, as in a measured fleet, those with the same schedule count
/// as if they were.
/// Each phase exposes what a step takes longer with it than with those before it alone.
void DesignPoint::find_quiet_step() {
  const std::vector<double> stage = quiet_stage_times();
  double before = 0;
  for (std::size_t rows = 0; rows <= phases().size(); ++rows) {
    StepCourse course(*this, rows);
    course.begin({});
    course.run(stage, {}, true, StepCourse::Finishes::all, {}, 1);
    const double latest = course.latest();
    if (rows == 0) {
      const double end = std::ranges::max(course.compute_end());
      quiet_.compute = std::ranges::max(stage);
      quiet_.bubble = end - quiet_.compute;
      quiet_.optimizer = latest - end;
    } else {
      quiet_.exposed.push_back(latest - before);
    }
    before = latest;
  }
  quiet_.clipping = clipping_time_;
}

}  // namespace lockstep
