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

/// Steps of a job with `one_phase` and without jitter of its compute: a call for each chunk, one
/// after another, each chip of which begins when it has ended the one before and its chunk is done.
inline Told told(const DesignPoint& point, std::uint32_t trial, int steps) {
  const Layout& layout = point.layout();
  const Job& job = point.scenario().job;
  const ChunkTurns& turns = point.chunk_turns();
  const TrialChips chips = draw_chips(point, trial);
  const PlannedPhase& phase = run_phase(point);
  const auto collective = phase.collective->begin_trial({.link = chips.link_factor});
  std::vector<double> start(static_cast<std::size_t>(layout.chips()), 0.0);
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
      MessageNoise noise = message_noise(point.scenario().noise, point.scenario().seed, trial,
                                         static_cast<std::uint32_t>(step));
      const std::int64_t chunks = point.chunks();
      const std::vector<double> begin = first;
      for (std::int64_t k = 0; k < chunks; ++k) {
        noise.first_message = k * phase.collective->messages_per_group();
        if (k > 0)
          for (std::size_t i = 0; i < first.size(); ++i)
            first[i] = std::max(finish[i], begin[i] + static_cast<double>(k) /
                                                          static_cast<double>(chunks - 1) *
                                                          (last[i] - begin[i]));
        collective->run(noise, 0, layout.groups(), first.data(), finish.data(), 1);
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
