#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "engine/training/design_point.hpp"
#include "engine/training/trial/trial_chips.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep::test {

/// What a run looks like from the first start on, written out without the model's bookkeeping.
struct Told {
  std::vector<double> latest;  ///< (steps) latest finish of any chip
  double elapsed = 0;          ///< over all chips and steps
};

/// The one phase that trials of `one_phase` run.
inline const PlannedPhase& run_phase(const DesignPoint& point) {
  const PlannedPhase* only = nullptr;
  for (const PlannedPhase& planned : point.phases())
    if (planned.has_noise()) {
      if (only) throw std::logic_error("more than one phase");
      only = &planned;
    }
  if (!only) throw std::logic_error("no phase");
  return *only;
}

/// Steps of a job with `one_phase` and without jitter of its compute: a call on the whole buffer
/// begins when a stage's first chunk is done; the last chunk leaves once the last replica has it,
/// at the pace of its links: how much longer the slowest of a stage's groups takes than without
/// slow ones, all ready at once and no message late.
inline Told told(const DesignPoint& point, std::uint32_t trial, int steps) {
  const Layout& layout = point.layout();
  const Job& job = point.scenario().job;
  const ChunkTurns& turns = point.chunk_turns();
  const TrialChips chips = draw_chips(point, trial);
  const PlannedPhase& phase = run_phase(point);
  const auto collective = phase.collective->begin_trial({.link = chips.link_factor});
  std::vector<double> start(static_cast<std::size_t>(layout.chips()), 0.0);
  std::vector<double> took(start.size()), pace(static_cast<std::size_t>(layout.pipeline), 1.0);
  collective->run(MessageNoise{}, 0, layout.groups(), start.data(), took.data(), 1);
  for (std::size_t i = 0; i < took.size(); ++i) {
    double& slowest = pace[i / static_cast<std::size_t>(layout.tensor * layout.replicas)];
    slowest = std::max(slowest, took[i] / phase.noise_free_time);
  }
  Told result;
  for (int step = 0; step < steps; ++step) {
    const bool synchronizes = (step + 1) % job.sync_every == 0;
    std::vector<double> first(start.size()), last(start.size()), finish(start.size());
    for (std::int64_t r = 0; r < layout.replicas; ++r) {
      double begin = -HUGE_VAL;
      for (std::int64_t g = 0; g < layout.groups(); ++g)
        begin = std::max(begin, start[static_cast<std::size_t>(layout.at(g, r))]);
      const Replica replica = replica_of(point, r, chips.compute);
      const double microbatch =
          replica.slowest_stage / point.work().microbatches[static_cast<std::size_t>(r)];
      for (std::int64_t g = 0; g < layout.groups(); ++g) {
        const auto i = static_cast<std::size_t>(layout.at(g, r));
        const auto stage = static_cast<std::size_t>(g / layout.tensor);
        finish[i] = begin + replica.end;
        first[i] = finish[i] - turns.first_done[stage] * microbatch;
        last[i] = finish[i] - turns.last_done[stage] * microbatch;
      }
    }
    if (synchronizes) {
      collective->run(message_noise(point.scenario().noise, point.scenario().seed, trial,
                                    static_cast<std::uint32_t>(step)),
                      0, layout.groups(), first.data(), finish.data(), 1);
      for (std::int64_t g = 0; g < layout.groups(); ++g) {
        const auto row = [&](std::vector<double>& all) { return all.begin() + layout.at(g, 0); };
        const double left = *std::max_element(row(last), row(last) + layout.replicas);
        std::for_each(row(finish), row(finish) + layout.replicas, [&](double& done) {
          done = std::max(
              done, left + pace[static_cast<std::size_t>(g / layout.tensor)] * phase.chunk_time);
        });
      }
      if (job.gradient_clipping)
        finish.assign(finish.size(),
                      *std::max_element(finish.begin(), finish.end()) + point.clipping_time());
    }
    for (std::size_t i = 0; i < start.size(); ++i) result.elapsed += finish[i] - start[i];
    start = finish;
    result.latest.push_back(*std::max_element(start.begin(), start.end()));
  }
  return result;
}

}  // namespace lockstep::test
