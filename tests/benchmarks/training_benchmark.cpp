// Rates of whole training steps over every topology, each with its ratio to the goal, and what two
// threads gain. Never part of a verdict: run it on a quiet machine.
#include <benchmark/benchmark.h>

#include <numeric>
#include <string>
#include <vector>

#include "engine/run/scheduler.hpp"
#include "engine/training/trial/training_step.hpp"
#include "engine/training/trial/trial.hpp"
#include "tests/benchmarks/benchmark_layouts.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

// Per second and core:
constexpr double chip_steps_goal = 1.5e7;  // of whole steps
constexpr double whole_trial_goal = 1e9;   // chip-steps of trials, their beginning counted
constexpr double planning_goal = 1;        // a group of 1,048,576

using test::benchmark_layouts;
using test::BenchmarkCase;

constexpr BenchmarkCase noises[] = {
    {"usual",
     "noise.straggler_fraction=0.000625\nnoise.slow_link_fraction=0.0001\n"
     "noise.spike_probability=1e-9\n"},
    {"quiet", ""},
    {"many_spikes", "noise.spike_probability=1e-6\n"},
    {"link_episodes", "noise.tenancy=multi\n"},
    {"congestion", "noise.congestion=lognormal(median=1.2, sigma=0.3)\n"},
};

void report(benchmark::State& state, std::int64_t chips, double goal = chip_steps_goal) {
  using benchmark::Counter;
  const double chip_steps = static_cast<double>(chips * state.iterations());
  state.counters["chip_steps/s"] = Counter(chip_steps, Counter::kIsRate);
  state.counters["of_goal"] = Counter(chip_steps / goal, Counter::kIsRate);
}

void training_step(benchmark::State& state, const std::string& lines) {
  const auto point = test::make_point(lines);
  TrainingSteps steps(*point, 0, 1);
  for (auto _ : state) benchmark::DoNotOptimize(steps.next());
  report(state, point->layout().chips());
}

/// Trials with their beginning, whose first one the point's windows are made in before.
void whole_trial(benchmark::State& state, const std::string& lines) {
  const auto point =
      test::make_point(lines + "\nsampling.steps=" + std::to_string(state.range(0)) + "\n");
  std::uint32_t trial = 0;
  train(*point, trial++, 1);
  for (auto _ : state) benchmark::DoNotOptimize(train(*point, trial++, 1));
  report(state, point->layout().chips() * state.range(0), whole_trial_goal);
}

/// A design point of one group of 1,048,576 chips.
void planning(benchmark::State& state, const std::string& lines) {
  for (auto _ : state) benchmark::DoNotOptimize(test::make_point(lines));
  state.counters["of_goal"] = benchmark::Counter(
      planning_goal * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

/// What is drawn alone: of a trial's beginning, and of its steps.
void trial_beginning(benchmark::State& state, const std::string& lines) {
  const auto point = test::make_point(lines);
  GroupSteps groups(*point, 0);
  std::uint32_t trial = 0;
  for (auto _ : state) groups.begin(draw_chips(*point, trial++).compute);
  report(state, point->layout().chips(), 2e8);
}

void step_draws(benchmark::State& state, const std::string& lines) {
  const auto point = test::make_point(lines);
  const TrialChips chips = draw_chips(*point, 0);
  GroupSteps groups(*point, 0);
  groups.begin(chips.compute);
  std::vector<double> stage_time;
  std::uint32_t step = 0;
  for (auto _ : state)
    groups.draw(step++, chips.compute, {}, GroupSteps::Asked::all, 1, stage_time);
  report(state, point->layout().chips(), 1e9);
}

/// Two threads over the blocks of a study against one.
void threads(benchmark::State& state, const std::string& kind) {
  struct Nowhere : ResultSink {
    void write(const BlockResult&) override {}
  } nowhere;
  StudyText text{.path = "study.ini", .directory = ".", .text = "", .entries = {}};
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"fleet.chips", "H100:16384"},
                                                        {"job.tensor", "8"},
                                                        {"job.pipeline", "16"},
                                                        {"sampling.trials", "64"},
                                                        {"topology.kind", kind}})
    text.entries.push_back({key, value, "study.ini:1"});
  const Plan plan = make_plan(resolve_study(text, {}, test::all_rows()), test::all_rows(),
                              topology_kinds(), capabilities());
  const std::vector<std::int64_t> blocks = plan.blocks_of({0, 1});
  const Cancellation never;
  for (auto _ : state)
    run_blocks(plan, blocks, static_cast<int>(state.range(0)), nowhere, never,
               [](const BlockResult&) {});
  report(state, 16384 * 64 * 10);
}

}  // namespace
}  // namespace lockstep

int main(int count, char** values) {
  using namespace lockstep;
  for (const BenchmarkCase& layout : benchmark_layouts)
    for (const BenchmarkCase& noise : noises)
      for (const TopologyKind* kind : topology_kinds()) {
        const std::string name(kind->name);
        if (noise.name != std::string("congestion") && noise.name != std::string("link_episodes"))
          benchmark::RegisterBenchmark(
              ("whole_trial/" + std::string(layout.name) + "/" + noise.name + "/" + name).c_str(),
              whole_trial, std::string(layout.lines) + noise.lines + "topology.kind=" + name)
              ->Arg(1)
              ->Arg(10)
              ->Arg(100)
              ->Unit(benchmark::kMillisecond);
        benchmark::RegisterBenchmark(
            ("training_step/" + std::string(layout.name) + "/" + noise.name + "/" + name).c_str(),
            training_step, std::string(layout.lines) + noise.lines + "topology.kind=" + name)
            ->Unit(benchmark::kMillisecond);
      }
  for (const BenchmarkCase& layout : benchmark_layouts)
    for (const char* operations : {"0.02", "0"}) {
      const std::string lines = std::string(layout.lines) + noises[0].lines +
                                "topology.kind=ring\nnoise.operation_jitter=" + operations;
      const std::string name = std::string(layout.name) + "/operation_jitter=" + operations;
      benchmark::RegisterBenchmark(("trial_beginning/" + name).c_str(), trial_beginning, lines)
          ->Unit(benchmark::kMillisecond);
      benchmark::RegisterBenchmark(("step_draws/" + name).c_str(), step_draws, lines)
          ->Unit(benchmark::kMillisecond);
    }
  for (const char* kind : {"ring", "tree", "torus"})
    benchmark::RegisterBenchmark((std::string("planning/") + kind).c_str(), planning,
                                 "fleet.chips=H100:1048576\njob.model_parameters=8e9\n"
                                 "job.tensor=1\njob.pipeline=1\ntopology.kind=" +
                                     std::string(kind))
        ->Unit(benchmark::kMillisecond);
  for (const char* kind : {"ring", "torus"})
    benchmark::RegisterBenchmark((std::string("threads/") + kind).c_str(), threads,
                                 std::string(kind))
        ->Arg(1)
        ->Arg(2)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&count, values);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
