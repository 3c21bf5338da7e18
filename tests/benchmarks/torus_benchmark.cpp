// Rates of whole training steps with one data-parallel group of 131,072 ranks, each with its ratio
// to the goal. Never part of a verdict: run it on a quiet machine.
#include <benchmark/benchmark.h>

#include <string>

#include "engine/model/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

constexpr double chip_steps_goal = 1.5e7;  // per second and AVX-512 core

void training_step(benchmark::State& state, const std::string& kind, const std::string& noise) {
  const auto point = test::make_point("fleet.chips=H100:131072\ntopology.kind=" + kind + noise);
  TrainingSteps steps(*point, 0, 1);
  for (auto _ : state) benchmark::DoNotOptimize(steps.next());
  using benchmark::Counter;
  const double chips = static_cast<double>(point->layout().chips() * state.iterations());
  state.counters["chip_steps/s"] = Counter(chips, Counter::kIsRate);
  state.counters["of_goal"] = Counter(chips / chip_steps_goal, Counter::kIsRate);
}

}  // namespace
}  // namespace lockstep

int main(int count, char** values) {
  const std::pair<const char*, const char*> noises[]{
      {"quiet", ""},
      {"spikes", "\nnoise.spike_probability=1e-8"},
      {"many_spikes", "\nnoise.spike_probability=4e-5"},
      {"slow_links", "\nnoise.slow_link_fraction=0.0001"},
      {"link_episodes", "\nnoise.tenancy=multi"},
  };
  for (const char* kind : {"torus", "ocs_torus", "hierarchical_ring"})
    for (const auto& [name, noise] : noises)
      benchmark::RegisterBenchmark(
          ("one_group/" + std::string(kind) + "/" + name).c_str(),
          [kind = std::string(kind), noise = std::string(noise)](benchmark::State& state) {
            lockstep::training_step(state, kind, noise);
          })
          ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&count, values);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
