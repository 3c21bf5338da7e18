#include "engine/training/phases/planned_phases.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/job/pipeline/pipeline_schedule.hpp"
#include "engine/job/stages.hpp"

namespace lockstep {
namespace {

bool is_around_compute(const Phase& phase) {
  return phase.window == Window::first_forward || phase.window == Window::last_backward;
}

/// Replicas among which every kind of place in domains, leaves and pods occurs that neighbouring
/// chips have: of each generation the first ones, until the pattern repeats or `most` chips are
/// taken, and as many last ones, whose domain may be filled in part. All, where chips have no order
/// or the topology is one whole.
std::vector<std::int64_t> typical_replicas(const Scenario& scenario, const Layout& layout) {
  constexpr std::int64_t most = 16384;
  const Fleet& fleet = scenario.fleet;
  const bool is_regular = scenario.topology->is_local &&
                          fleet.placement == PlacementOrder::blocked && fleet.nodes.empty() &&
                          layout.straddling == 0;
  const std::int64_t block = layout.groups() * layout.coupled;
  std::vector<std::int64_t> replicas;
  for (std::int64_t first = 0, last = 0; first < layout.replicas; first = last) {
    const std::uint8_t generation = layout.generation[static_cast<std::size_t>(first)];
    while (last < layout.replicas &&
           layout.generation[static_cast<std::size_t>(last)] == generation)
      ++last;
    std::int64_t period = block;
    for (std::int64_t size :
         {static_cast<std::int64_t>(fleet.generations[generation].chip.scale_up_domain),
          static_cast<std::int64_t>(scenario.fabric.leaf_chips),
          static_cast<std::int64_t>(scenario.fabric.pod_chips)})
      period = std::min(most, std::lcm(period, std::max<std::int64_t>(1, size)));
    const std::int64_t kept = (period + block - 1) / block * layout.coupled;
    for (std::int64_t r = first; r < last; ++r)
      if (!is_regular || r < first + kept || r >= last - kept) replicas.push_back(r);
  }
  return replicas;
}

}  // namespace

LinkState PlannedPhase::links(const LinkState& all, std::vector<double>& kept) const {
  if (places.empty() || all.link.empty()) return all;
  kept.resize(all.link.size());
  for (std::size_t first = 0; first < kept.size(); first += places.size())
    for (std::size_t i = 0; i < places.size(); ++i)
      kept[first + i] = all.link[first + static_cast<std::size_t>(places[i])];
  return {kept, all.tier};
}

std::vector<double> PlannedPhase::times_on(const LinkState& state) const {
  std::vector<double> kept;
  const std::vector<double> ready(static_cast<std::size_t>(groups.ranks * rows), 0.0);
  std::vector<double> finish(ready.size());
  collective->begin_trial(links(state, kept))
      ->run(MessageNoise{}, 0, rows, ready.data(), finish.data(), 1);
  std::vector<double> times;
  for (auto row = finish.begin(); row != finish.end(); row += groups.ranks)
    times.push_back(*std::max_element(row, row + groups.ranks));
  return times;
}

std::vector<double> PlannedPhase::slowest_by_generation(std::span<const double> times) const {
  std::vector<double> slowest;
  for (std::size_t row = 0; row < times.size(); ++row) {
    const std::size_t g = generation[row];
    if (slowest.size() <= g) slowest.resize(g + 1, 0.0);
    slowest[g] = std::max(slowest[g], times[row]);
  }
  return slowest;
}

PlannedPhases::PlannedPhases(const Scenario& scenario, const Values& settled, const Layout& layout,
                             const Work& work)
    : job_(scenario.job),
      chunks_(static_cast<double>(scenario.job.gradient_chunks(layout.replicas))) {
  check_free_phases(scenario.job);
  layer_time_.resize(scenario.fleet.generations.size());
  find_layer_times(scenario.job, layout, work);
  typical_ = typical_replicas(scenario, layout);
  for (const Phase& phase : scenario.phases)
    if (phase.runs(scenario.job)) plan(phase, scenario, settled, layout);
  count_calls(std::ranges::max(work.microbatches));
}

/// Of the stage that takes longest: what its layers can hide.
void PlannedPhases::find_layer_times(const Job& job, const Layout& layout, const Work& work) {
  for (const Stage& stage : stages_of(job))
    stage_layers_.push_back(stage.dense_layers + stage.moe_layers);
  attention_share_ = attention_share(job);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const double layers = stage_layers_[static_cast<std::size_t>(g / layout.tensor)];
    if (layers == 0) continue;
    for (std::int64_t r = 0; r < layout.replicas; ++r) {
      const auto chip = static_cast<std::size_t>(layout.at(g, r));
      double& slowest = layer_time_[layout.generation[chip]];
      slowest = std::max(
          slowest, work.chip_time[chip] / layers / work.microbatches[static_cast<std::size_t>(r)]);
    }
  }
}

void PlannedPhases::plan(const Phase& phase, const Scenario& scenario, const Values& settled,
                         const Layout& layout) {
  const Job& job = scenario.job;
  const GroupShape shape = shape_of(phase.group, job, layout.replicas);
  const bool is_layout = shape == GroupShape{layout.replicas, layout.groups()};
  Layout others;
  if (!spans_replicas(phase.group))
    others = regroup(with_replicas(layout, typical_), shape);
  else if (!is_layout)
    others = regroup(layout, shape);
  const Layout& rows = others.replicas > 0 ? others : layout;
  const Collective* like = nullptr;  // of groups that span replicas the shape says all
  for (const PlannedPhase& earlier : phases_)
    if (spans_replicas(phase.group) && earlier.groups == shape && earlier.collective)
      like = earlier.collective.get();
  const auto collective_of = [&](double bytes) {
    return collective_on(*scenario.topology, {.operation = phase.operation,
                                              .fleet = scenario.fleet,
                                              .layout = rows,
                                              .fabric = scenario.fabric,
                                              .noise = scenario.noise,
                                              .values = settled,
                                              .bytes = bytes,
                                              .groups = shape,
                                              .model_parallel = layout.groups(),
                                              .like = like});
  };
  PlannedPhase planned;
  planned.phase = &phase;
  planned.bytes = phase.bytes(job) / (is_around_compute(phase) ? chunks_ : 1);
  planned.groups = shape;
  planned.rows = rows.groups();
  for (std::int64_t row = 0; row < planned.rows; ++row)
    planned.generation.push_back(rows.generation[static_cast<std::size_t>(rows.at(row, 0))]);
  if (spans_replicas(phase.group) && !is_layout) planned.places = places_of(layout, shape);
  planned.collective = collective_of(planned.bytes);
  planned.row_times = planned.times_on({});
  planned.by_generation = planned.slowest_by_generation(planned.row_times);
  planned.noise_free_time = std::ranges::max(planned.row_times);
  planned.extrapolated = planned.collective->extrapolated();
  const TopologyKind& runner = runner_of(*scenario.topology, phase.operation);
  planned.choice = (&runner == scenario.topology ? "" : fmt::format("by {}: ", runner.name)) +
                   planned.collective->choice();
  if (!spans_replicas(phase.group)) planned.collective.reset();
  planned.free = is_free(phase, job);
  if (planned.free) planned.noise_free_time = 0;
  phases_.push_back(std::move(planned));
}

std::vector<double> PlannedPhases::exposed_of_microbatch(std::size_t rows,
                                                         const LinkState& links) const {
  std::vector<std::vector<double>> times;  // of phases, by generation
  const bool quiet = links.link.empty() && links.tier.empty();
  for (const PlannedPhase& planned : std::span(phases_).first(std::min(rows, phases_.size())))
    times.push_back(!planned.is_of(Window::layer) || planned.free ? std::vector<double>()
                    : quiet || !planned.collective
                        ? planned.by_generation
                        : planned.slowest_by_generation(planned.times_on(links)));
  std::vector<double> all;
  for (std::size_t g = 0; g < layer_time_.size(); ++g) {
    const LayerExposure exposed = exposed_in_layer(times, g);
    for (double layers : stage_layers_)
      all.push_back(layers * exposed.each +
                    std::min(layers, static_cast<double>(job_.virtual_stages)) * exposed.ends);
  }
  return all;
}

PlannedPhases::LayerExposure PlannedPhases::exposed_in_layer(
    std::span<const std::vector<double>> times, std::size_t generation) const {
  const double hides = job_.overlap * layer_time_[generation];
  std::array<double, 5> room{};  // by Behind [s a layer]
  room[static_cast<std::size_t>(Behind::anything)] = HUGE_VAL;
  room[static_cast<std::size_t>(Behind::forward)] = hides * (1 - backward_share);
  room[static_cast<std::size_t>(Behind::backward)] = hides * backward_share;
  room[static_cast<std::size_t>(Behind::attention)] = hides * attention_share_;
  room[static_cast<std::size_t>(Behind::both_passes)] = hides;
  LayerExposure exposed;
  for (std::size_t p = 0; p < times.size(); ++p) {
    if (times[p].size() <= generation) continue;
    const Phase& phase = *phases_[p].phase;
    const double time = phase.calls(job_, most_microbatches_) * times[p][generation];
    const double bare = phase.exposed(job_) * time;
    double& left = room[static_cast<std::size_t>(phase.behind(job_))];
    const double hidden = std::min(left, time - bare);
    left -= hidden;
    exposed.each += time - hidden + job_.interference * hidden;
    if (phase.is_bare_at_end) exposed.ends += hidden - job_.interference * hidden;
  }
  return exposed;
}

void PlannedPhases::count_calls(double most_microbatches) {
  most_microbatches_ = most_microbatches;
  for (PlannedPhase& planned : phases_) {
    planned.calls = planned.phase->calls(job_, most_microbatches);
    if (is_around_compute(*planned.phase)) planned.calls *= chunks_;
    if (planned.is_of(Window::layer))
      planned.calls *=
          most_microbatches * *std::max_element(stage_layers_.begin(), stage_layers_.end());
    if (planned.is_of(Window::boundary))
      planned.calls *= most_microbatches * static_cast<double>(job_.virtual_stages);
  }
}

std::vector<double> PlannedPhases::expert_traffic() const {
  double bare = 0;
  for (const PlannedPhase& planned : phases_)
    if (planned.is_of(Window::layer) && planned.phase->group == ParallelGroup::expert)
      bare += planned.phase->exposed(job_) * planned.phase->calls(job_, most_microbatches_) *
              planned.noise_free_time;
  std::vector<double> stages = stage_layers_;
  for (double& stage : stages) stage *= bare;
  return stages;
}

double PlannedPhases::transfer(std::size_t rows) const {
  double time = 0;
  for (const PlannedPhase& planned : std::span(phases_).first(std::min(rows, phases_.size())))
    if (planned.is_of(Window::boundary)) time += planned.noise_free_time;
  return time;
}

}  // namespace lockstep
