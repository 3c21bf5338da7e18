#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/power/metered_jobs.hpp"
#include "engine/training/jobs.hpp"
#include "engine/training/trial/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep::test {

/// One phase of one chip.
struct Phase {
  double begin, end, watts;  // [s], [W]
};

/// Keeps what every chip did, as phases written out chip by chip, from the page's words.
class PhaseList final : public StepObserver {
 public:
  /// `peak_time` as the study says; other values are negative controls.
  PhaseList(const DesignPoint& job, double peak_time) : job_(job), peak_time_(peak_time) {}

  void see(const StepView& step) override {
    if (step.step == 0) origin_ = step.begin;
    const Layout& layout = job_.layout();
    const double zero = step.begin - origin_;
    const bool together = step.synchronizes && job_.scenario().job.gradient_clipping;
    for (std::int64_t g = 0; g < layout.groups(); ++g)
      for (std::int64_t r = 0; r < layout.replicas; ++r) {
        const auto i = static_cast<std::size_t>(layout.at(g, r));
        const auto stage = static_cast<std::size_t>(g / layout.tensor);
        const auto window = [&](std::int64_t replica) {
          const auto k = static_cast<std::size_t>(replica);
          return std::pair{
              step.compute_begin[k] + job_.chunk_turns().first_used[stage] * step.microbatch[k],
              step.compute_end[k] - job_.chunk_turns().last_done[stage] * step.microbatch[k]};
        };
        const auto [begin, end] = window(r);
        double last = end;  // of all replicas, where they wait for each other
        for (std::int64_t k = 0; step.synchronizes && k < layout.replicas; ++k)
          last = std::max(last, window(k).second);
        const Chip& chip = job_.scenario().fleet.generations[layout.generation[i]].chip;
        const auto watts = [&](std::string_view phase) { return supply(chip, share_of(phase)); };
        const double update = job_.optimizer_time()[layout.generation[i]];
        const double busy = step.busy[i] - update, length = end - begin;
        const double layers =
            layers_of(stage, r) * job_.work().microbatches[static_cast<std::size_t>(r)];
        const double speaks = std::min(layers, length - busy);
        const double beside =
            (speaks * watts("communication") + (length - busy - speaks) * watts("waiting")) /
            length;
        const double start = step.start.empty() ? 0 : step.start[i];
        const double peak = std::min(peak_time_, length);
        const double exchange = watts(step.synchronizes ? "communication" : "waiting");
        add(zero + start, zero + step.compute_begin[static_cast<std::size_t>(r)], exchange);
        add(zero + step.compute_begin[static_cast<std::size_t>(r)], zero + begin, watts("waiting"));
        add(zero + begin, zero + begin + peak, busy / length * watts("overshoot") + beside);
        add(zero + begin + peak, zero + end, busy / length * watts("compute") + beside);
        add(zero + end, zero + last, watts("waiting"));
        add(zero + last, zero + step.finish[i] - update, exchange);
        add(zero + step.finish[i] - update, zero + step.finish[i], watts("compute"));
        if (together) add(zero + step.finish[i], zero + step.end, watts("waiting"));
      }
  }

  /// Sum over phases of power x time after the beginning [J].
  double energy() const {
    double sum = 0;
    for (const Phase& phase : phases) sum += phase.watts * (phase.end - phase.begin);
    return sum;
  }
  /// Mean power of a bin, by what each phase overlaps of it.
  double mean(double from, double to) const {
    double sum = 0;
    for (const Phase& phase : phases)
      sum += phase.watts * std::max(0.0, std::min(to, phase.end) - std::max(from, phase.begin));
    return sum / (to - from);
  }

  std::vector<Phase> phases;

 private:
  void add(double begin, double end, double watts) {
    begin = std::max(begin, 0.0);
    if (end > begin) phases.push_back({begin, end, watts});
  }
  double share_of(std::string_view phase) const {
    const Values& values = job_.values();
    if (phase == "waiting" && values.is_word("power.waiting", "communication"))
      phase = "communication";
    return values.real("power." + std::string(phase));
  }
  /// With its host, where it is supplied.
  double supply(const Chip& chip, double share) const {
    const Values& values = job_.values();
    const double watts = share * chip.tdp, follows = values.real("power.host_following");
    const double load = (watts - chip.idle_power) / (chip.tdp - chip.idle_power);
    return (watts + chip.host_power * (1 - follows + follows * load)) /
           values.real("power.conversion_efficiency");
  }
  double layers_of(std::size_t stage, std::int64_t replica) const {
    const auto all = job_.planned_phases().exposed_of_microbatch(job_.phases().size(), {});
    const auto generation = job_.layout().generation[static_cast<std::size_t>(replica)];
    return all[generation * static_cast<std::size_t>(job_.layout().pipeline) + stage];
  }

  const DesignPoint& job_;
  double peak_time_, origin_ = 0;
};

/// All chips compute for a share d of the step and communicate for the rest: a square wave.
inline std::string square(double duty) {
  return join(quiet, one_phase,
              fmt::format("fleet.chips=H100:16\njob.compute_time={}s\njob.gradient_bytes={}B\n"
                          "job.overlap=0\nfabric.hop_latency=0s\nfabric.hop_bandwidth=1GB/s\n"
                          "job.gradient_clipping=off\ntopology.kind=ring\ntopology.channels=1\n"
                          "job.tensor=1\njob.pipeline=1\nsampling.steps=20\npower.meter=on\n"
                          "power.overshoot_time=0s\npower.network_share=0\npower.pue=1\n"
                          "power.host_following=0\npower.conversion_efficiency=1",
                          duty, (1 - duty) * 1e9 * 16 / 30));
}

inline Jobs jobs_of(const std::string& lines) {
  static constexpr const Capability* power[] = {&power_capability};
  return Jobs(scenario_values(lines), topology_kinds(), power, 1);
}

/// By name, of trial 0.
inline double value_of(const Jobs& jobs, std::string_view name, std::size_t place = 0) {
  const std::vector<Metric> rows = power_capability.metrics();
  const MetricValues values = jobs.run_trial(0, 1).capabilities[0];
  for (std::size_t m = 0; m < rows.size(); ++m)
    if (rows[m].variable.name == name) return values[m].at(place);
  throw std::logic_error("no such metric");
}

}  // namespace lockstep::test
