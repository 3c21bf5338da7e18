// Rates of whole training steps on trees, each with its ratio to the goal: where one group spans
// the fleet, and begin_trial, which congestion pays every step. Never part of a verdict: run it on
// a quiet machine.
#include <benchmark/benchmark.h>

#include <string>

#include "engine/model/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

constexpr double chip_steps_goal = 1.5e7;  // per second and core, at any layout

void training_step(benchmark::State& state, const std::string& lines) {
  const auto point = test::make_point(
      "noise.straggler_fraction=0.000625\nnoise.slow_link_fraction=0.0001\n"
      "noise.spike_probability=1e-8\n" +
      lines);
  TrainingSteps steps(*point, 0, 1);
  for (auto _ : state) benchmark::DoNotOptimize(steps.next());
  using benchmark::Counter;
  const double total = static_cast<double>(point->layout().chips() * state.iterations());
  state.counters["chip_steps/s"] = Counter(total, Counter::kIsRate);
  state.counters["of_goal"] = Counter(total / chip_steps_goal, Counter::kIsRate);
}

}  // namespace
}  // namespace lockstep

int main(int count, char** values) {
  using namespace lockstep;
  const std::string one_group = "fleet.chips=H100:131072\njob.tensor=1\njob.pipeline=1\n",
                    many_groups =
                        "fleet.chips=H100:150000, H200:50000, GB200:20000\njob.tensor=8\n"
                        "job.pipeline=16\n";
  for (const std::string kind : {"tree", "switch_reduce"}) {
    const std::string line = "topology.kind=" + kind + "\n";
    const auto add = [&](const std::string& name, const std::string& lines) {
      benchmark::RegisterBenchmark((name + "/" + kind).c_str(), training_step, line + lines)
          ->Unit(benchmark::kMillisecond);
    };
    add("one_group", one_group);
    add("congestion", many_groups + "noise.congestion=lognormal(median=1.2, sigma=0.3)\n");
    add("many_spikes", many_groups + "noise.spike_probability=1e-6\n");
  }
  benchmark::Initialize(&count, values);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
