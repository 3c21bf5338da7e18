// Rates of whole training steps, each with its ratio to the goal. Never part of a verdict: run it
// on a quiet machine.
#include <benchmark/benchmark.h>

#include <string>

#include "engine/model/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

constexpr double chip_steps_goal = 1.5e7;  // per second and core, tensor x pipeline = 128

void report(benchmark::State& state, const char* what, double per_iteration, double goal) {
  using benchmark::Counter;
  const double total = per_iteration * static_cast<double>(state.iterations());
  state.counters[what] = Counter(total, Counter::kIsRate);
  state.counters["of_goal"] = Counter(total / goal, Counter::kIsRate);
}

/// One step of the fleet of 220,000 chips.
void training_step(benchmark::State& state, const std::string& kind) {
  const auto point = test::make_point(
      "fleet.chips=H100:150000, H200:50000, GB200:20000\njob.tensor=8\njob.pipeline=16\n"
      "noise.straggler_fraction=0.000625\nnoise.slow_link_fraction=0.0001\n"
      "noise.spike_probability=1e-8\ntopology.kind=" +
      kind);
  TrainingSteps steps(*point, 0, 1);
  for (auto _ : state) benchmark::DoNotOptimize(steps.next());
  report(state, "chip_steps/s", static_cast<double>(point->layout().chips()), chip_steps_goal);
}

}  // namespace
}  // namespace lockstep

int main(int count, char** values) {
  using namespace lockstep;
  for (const TopologyKind* kind : topology_kinds())
    benchmark::RegisterBenchmark(("training_step/" + std::string(kind->name)).c_str(),
                                 training_step, std::string(kind->name))
        ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&count, values);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
