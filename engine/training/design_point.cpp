#include "engine/training/design_point.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "engine/base/error.hpp"

namespace lockstep {

DesignPoint::DesignPoint(const Values& values, std::span<const TopologyKind* const> topologies,
                         std::uint64_t seed)
    : DesignPoint(scenario_from(values, topologies, seed), values) {}

DesignPoint::DesignPoint(Scenario scenario, const Values& values, std::int64_t most_replicas,
                         const SettledAnswers& known)
    : scenario_(std::move(scenario)), values_(values), settled_(values) {
  const Job& job = scenario_.job;
  const Placement placement = place(scenario_.fleet, scenario_.seed);
  const std::int64_t fitting =
      std::min(most_replicas, replicas_that_fit(scenario_.fleet, job.model_parallel()));
  settle_topology(fitting, known);
  const std::int64_t usable =
      fitting == 0 ? 0
                   : scenario_.topology->usable_replicas(settled_, fitting, job.model_parallel());
  layout_ = arrange(scenario_.fleet, placement, job.tensor, job.pipeline, usable);
  work_ = share_work(job, scenario_.fleet, layout_);
  plan_phases();
  const double microbatches =
      *std::max_element(work_.microbatches.begin(), work_.microbatches.end());
  const double layers_per_stage = job.layers / static_cast<double>(job.pipeline);
  synchronization_ = SynchronizationCost(
      job.tensor, scenario_.noise.operation_jitter,
      job.synchronizations.value_or(std::max(1.0, 4 * layers_per_stage * microbatches)));
  clipping_time_ = job.gradient_clipping ? phases_.front().collective->scalar_all_reduce_time() : 0;
  find_runs();
  find_pipelines();
  find_exposed();
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

double DesignPoint::noise_free_compute_time() const {
  const auto replicas = static_cast<std::size_t>(layout_.replicas);
  std::vector<double> stage(static_cast<std::size_t>(layout_.pipeline) * replicas, 0.0);
  for (std::int64_t g = 0; g < layout_.groups(); ++g)
    for (std::size_t r = 0; r < replicas; ++r) {
      double& slowest = stage[static_cast<std::size_t>(g / layout_.tensor) * replicas + r];
      slowest = std::max(slowest, work_.chip_time[static_cast<std::size_t>(layout_.at(g, 0)) + r]);
    }
  std::vector<double> end(replicas);
  pipeline_ends(stage.data(), end.data());
  return *std::max_element(end.begin(), end.end());
}

double DesignPoint::bubble(std::int64_t replica) const {
  const double microbatches = work_.microbatches[static_cast<std::size_t>(replica)];
  return PipelineSchedule::even_length(layout_.pipeline, scenario_.job.virtual_stages,
                                       microbatches) /
             microbatches -
         1;
}

void DesignPoint::pipeline_ends(const double* stage_time, double* end) const {
  for (const Pipeline& pipeline : pipelines_)
    pipeline.schedule.ends(stage_time, layout_.replicas, pipeline.replicas, end);
}

double DesignPoint::pipeline_bound(std::int64_t replica, std::span<const double> stage_time) const {
  const auto i = static_cast<std::size_t>(pipeline_of_[static_cast<std::size_t>(replica)]);
  return pipelines_[i].schedule.bound(stage_time);
}

void DesignPoint::find_pipelines() {
  std::map<double, std::int32_t> known;
  for (std::int32_t r = 0; r < layout_.replicas; ++r) {
    const double microbatches = work_.microbatches[static_cast<std::size_t>(r)];
    const auto [place, is_new] =
        known.try_emplace(microbatches, static_cast<std::int32_t>(pipelines_.size()));
    if (is_new)
      pipelines_.push_back({PipelineSchedule(layout_.pipeline, scenario_.job.virtual_stages,
                                             static_cast<std::int64_t>(microbatches)),
                            {}});
    pipelines_[static_cast<std::size_t>(place->second)].replicas.push_back(r);
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

void DesignPoint::settle_topology(std::int64_t replicas, const SettledAnswers& known) {
  const TopologyKind& topology = *scenario_.topology;
  if (!topology.settle || replicas == 0) return;
  std::vector<AskedOperation> asked;
  for (const Phase& phase : scenario_.phases)
    asked.push_back({phase.operation, phase.bytes(scenario_.job)});
  const SettleRequest request{.values = values_,
                              .fleet = scenario_.fleet,
                              .fabric = scenario_.fabric,
                              .replicas = replicas,
                              .tensor = scenario_.job.tensor,
                              .pipeline = scenario_.job.pipeline,
                              .asked = asked};
  const SettledAnswer* answer = known.find(topology, request);
  if (!answer) answer = &new_answer_.emplace(topology, request);
  Settled settled = answer->settled(request);
  settled_ = std::move(settled.values);
  settled_note_ = std::move(settled.note);
}

void DesignPoint::plan_phases() {
  const auto chips = static_cast<std::size_t>(layout_.chips());
  const std::vector<double> ready(chips, 0.0);
  std::vector<double> finish(chips);
  for (const Phase& phase : scenario_.phases) {
    const double bytes = phase.bytes(scenario_.job);
    auto collective =
        collective_on(*scenario_.topology, {.operation = phase.operation,
                                            .fleet = scenario_.fleet,
                                            .layout = layout_,
                                            .fabric = scenario_.fabric,
                                            .noise = scenario_.noise,
                                            .values = settled_,
                                            .bytes = bytes,
                                            .groups = {layout_.replicas, layout_.groups()},
                                            .model_parallel = layout_.groups()});
    collective->begin_trial({})->run(MessageNoise{}, 0, layout_.groups(), ready.data(),
                                     finish.data(), 1);
    const double time = *std::max_element(finish.begin(), finish.end());
    noise_free_communication_time_ += time;
    phases_.push_back({&phase, bytes, std::move(collective), time});
  }
}

std::string DesignPoint::choice() const {
  std::string text;
  for (const PlannedPhase& planned : phases_) {
    if (phases_.size() > 1)
      text += fmt::format("{}{}: ", text.empty() ? "" : ", ", planned.phase->name);
    const TopologyKind& runner = runner_of(*scenario_.topology, planned.phase->operation);
    if (&runner != scenario_.topology) text += fmt::format("by {}: ", runner.name);
    text += planned.collective->choice();
  }
  if (!settled_note_.empty()) text += fmt::format(" ({})", settled_note_);
  return text;
}

bool DesignPoint::extrapolated() const {
  return std::any_of(phases_.begin(), phases_.end(),
                     [](const PlannedPhase& p) { return p.collective->extrapolated(); });
}

void DesignPoint::find_exposed() {
  noise_free_communication_.assign(chips_by_generation_.size(), 0);
  const double window = phases_.front().phase->window(scenario_.job);
  for (std::int64_t g = 0; g < layout_.groups(); ++g)
    for (std::int64_t r = 0; r < layout_.replicas; ++r) {
      const auto i = static_cast<std::size_t>(layout_.at(g, r));
      const double hidden =
          window * work_.chip_time[i] / work_.microbatches[static_cast<std::size_t>(r)];
      noise_free_communication_[layout_.generation[i]] +=
          std::max(0.0, noise_free_communication_time_ - hidden) + clipping_time_;
    }
}

}  // namespace lockstep
