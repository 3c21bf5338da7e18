#include "engine/training/trial/training_cost.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {
namespace {

// Measured, 0.1 ns.
constexpr double chip_drawn = 130, group_begun = 340;  // of a trial
constexpr double replica_bound = 1500;                 // where replicas are left out
constexpr double group_step = 270, chip_step = 27, group_left_out = 30;
// Calls that it takes to find what slow links make of a phase: its rings or trees are made anew,
// and run forward and back.
constexpr double calls_on_links = 5;

/// Probability that something of probability `each` befalls one of so many.
double any_of(double count, double each) {
  return -std::expm1(-count * each);
}

/// What calls of a step's phases of weights and gradients cost.
struct Calls {
  double quiet = 0;     ///< all of them without noise
  double asked = 0;     ///< those that a step runs where only its latest finish counts
  double on_links = 0;  ///< of groups with slow links, quiet
};

Calls calls_of(const DesignPoint& point) {
  const Noise& noise = point.scenario().noise;
  Calls calls;
  for (const PlannedPhase& planned : point.phases()) {
    if (!planned.has_noise()) continue;
    const Collective& collective = *planned.collective;
    const double quiet = collective.cost_per_step({}), noisy = collective.cost_per_step(noise);
    const auto messages =
        static_cast<double>(collective.messages_per_group()) * static_cast<double>(point.chunks());
    calls.quiet += quiet;
    calls.asked +=
        noise.hop_jitter.is_none() ? noisy * any_of(messages, noise.spike_probability) : noisy;
    calls.on_links +=
        quiet * any_of(static_cast<double>(planned.groups.ranks), noise.slow_link_fraction);
  }
  return calls;
}

}  // namespace

TrainingCost training_cost(const DesignPoint& point) {
  const Scenario& scenario = point.scenario();
  const Noise& noise = scenario.noise;
  const Layout& layout = point.layout();
  const auto chips = static_cast<double>(layout.chips()),
             groups = static_cast<double>(layout.pipeline * layout.replicas);
  const Calls calls = calls_of(point);
  // As TrainingSteps and StepCourse choose.
  const bool has_weights = std::ranges::any_of(point.phases(), [](const PlannedPhase& planned) {
    return planned.is_of(Window::first_forward) && !planned.free;
  });
  const bool by_cost = scenario.job.gradient_clipping && noise.hop_jitter.is_none() &&
                       !noise.congestion.on() &&
                       lone_phase(point.phases(), Window::last_backward) &&
                       (!has_weights || lone_phase(point.phases(), Window::first_forward));
  const bool leaves_out = by_cost && layout.pipeline == 1 && scenario.job.sync_every == 1 &&
                          noise.imbalance == 0 && scenario.job.expert_imbalance.is_none() &&
                          !scenario.stage_delay;
  TrainingCost cost;
  cost.beginning = chip_drawn * chips + group_begun * groups +
                   (leaves_out ? replica_bound * static_cast<double>(layout.replicas) : 0) +
                   calls_on_links * calls.on_links;
  const double synchronizing = (by_cost ? 0 : calls.quiet) + calls.asked +
                               (noise.congestion.on() ? calls_on_links * calls.quiet : 0);
  cost.steps = static_cast<double>(scenario.steps + scenario.warmup_steps) *
               ((leaves_out ? group_left_out * groups : group_step * groups + chip_step * chips) +
                synchronizing / static_cast<double>(scenario.job.sync_every));
  return cost;
}

}  // namespace lockstep
