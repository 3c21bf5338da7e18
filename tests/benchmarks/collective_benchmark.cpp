// What trials ask of the collectives of their steps, on every topology: a beginning on healthy
// links and with slow ones, all groups and the pass against time, and the latest finish of groups
// with late messages, by run() and, where there is one, by its own way. Each with its time a rank,
// and where there is a goal its ratio to it.
// Never part of a verdict: run it on a quiet machine.
#include <benchmark/benchmark.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/training/trial/training_step.hpp"
#include "tests/benchmarks/benchmark_layouts.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::benchmark_layouts;
using test::BenchmarkCase;

/// The all-reduce of gradients on the links of the first trial.
struct Gradients {
  explicit Gradients(const std::string& lines)
      : point(test::make_point(lines +
                               "job.data_parallel=all_reduce\nnoise.slow_link_fraction=0.0001\n")),
        chips(draw_chips(*point, 0)) {
    for (const PlannedPhase& phase : point->phases())
      if (phase.has_noise() && phase.is_of(Window::last_backward) && phase.places.empty())
        planned = &phase;
    after.assign(static_cast<std::size_t>(planned->rows * planned->groups.ranks), 0.0);
    const Stream stream{1, purpose::step_jitter, 0};
    for (std::size_t i = 0; i < after.size(); ++i) ready.push_back(1e-2 * stream.uniform(i, 0));
    finish.resize(after.size());
    latest.resize(static_cast<std::size_t>(planned->rows));
  }
  std::unique_ptr<CollectiveTrial> begin(bool slow) const {
    return planned->collective->begin_trial(slow ? LinkState{chips.link_factor} : LinkState{});
  }
  MessageNoise late(double messages, std::uint32_t step) {
    noise = point->scenario().noise;
    noise.spike_probability =
        messages / static_cast<double>(planned->collective->messages_per_group());
    return message_noise(noise, 1, 0, step);
  }

  std::unique_ptr<DesignPoint> point;
  TrialChips chips;
  const PlannedPhase* planned = nullptr;
  std::vector<double> ready, after, finish, latest;
  Noise noise;
};

/// What should be, on one core [s].
double goal_of(const std::string& name) {
  static const std::map<std::string, double> goals{
      {"latest_finish/late:1000/one_group/tree", 10e-3},
      {"latest_finish/late:100000/one_group/ring", 15e-3}};
  const auto found = goals.find(name);
  return found == goals.end() ? 0 : found->second;
}

void measure(benchmark::State& state, const std::string& lines, double goal,
             const std::function<std::function<void()>(Gradients&)>& prepare) {
  // A benchmark is called several times, and neighbours have the same lines.
  static std::pair<std::string, std::unique_ptr<Gradients>> kept;
  if (kept.first != lines) kept = {lines, std::make_unique<Gradients>(lines)};
  Gradients& gradients = *kept.second;
  const std::function<void()> ask = prepare(gradients);
  if (!ask) {
    state.SkipWithError("there is no such way");
    return;
  }
  for (auto _ : state) ask();
  using benchmark::Counter;
  state.counters["s/rank"] =
      Counter(static_cast<double>(gradients.ready.size()) * static_cast<double>(state.iterations()),
              Counter::kIsRate | Counter::kInvert);
  if (goal > 0)
    state.counters["of_goal"] =
        Counter(goal * static_cast<double>(state.iterations()), Counter::kIsRate);
}

}  // namespace
}  // namespace lockstep

int main(int count, char** values) {
  using namespace lockstep;
  using Prepare = std::function<std::function<void()>(Gradients&)>;
  std::vector<std::pair<std::string, Prepare>> asked;
  for (bool slow : {false, true}) {
    const std::string links = slow ? "/slow_links" : "/healthy";
    asked.emplace_back("begin" + links, [slow](Gradients& g) {
      return [&g, slow] { benchmark::DoNotOptimize(g.begin(slow)); };
    });
    asked.emplace_back("run" + links, [slow](Gradients& g) {
      return [&g, trial = std::shared_ptr(g.begin(slow))] {
        trial->run(MessageNoise{}, 0, g.planned->rows, g.ready.data(), g.finish.data(), 1);
      };
    });
    asked.emplace_back("run_back" + links, [slow](Gradients& g) {
      return [&g, trial = std::shared_ptr(g.begin(slow))] {
        trial->run_back(0, g.planned->rows, g.after.data(), g.finish.data());
      };
    });
  }
  for (double messages : {1.0, 1000.0, 1e5}) {
    const std::string late = "/late:" + std::to_string(static_cast<int>(messages));
    asked.emplace_back("run" + late, [messages](Gradients& g) {
      return [&g, messages, step = 0u, trial = std::shared_ptr(g.begin(false))]() mutable {
        trial->run(g.late(messages, step++), 0, g.planned->rows, g.ready.data(), g.finish.data(),
                   1);
      };
    });
    asked.emplace_back("latest_finish" + late, [messages](Gradients& g) -> std::function<void()> {
      std::shared_ptr<CollectiveTrial> trial = g.begin(false);
      std::shared_ptr<LatestFinish> latest = trial->latest_finish(g.after.data());
      if (!latest) return nullptr;
      return [&g, messages, step = 0u, trial, latest]() mutable {
        latest->run(g.late(messages, step++), 0, g.planned->rows, g.ready.data(), g.latest.data());
      };
    });
  }
  for (const BenchmarkCase& layout : benchmark_layouts)
    for (const TopologyKind* kind : topology_kinds())
      for (const auto& [what, prepare] : asked) {
        const std::string name = what + "/" + layout.name + "/" + std::string(kind->name);
        benchmark::RegisterBenchmark(
            name.c_str(), measure,
            std::string(layout.lines) + "topology.kind=" + std::string(kind->name) + "\n",
            goal_of(name), prepare)
            ->Unit(benchmark::kMillisecond);
      }
  benchmark::Initialize(&count, values);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
