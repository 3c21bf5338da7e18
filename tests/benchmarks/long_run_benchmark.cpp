// Months of failures at 100,000 chips a second, with the ratio to the goal: 10,000 of them in two
// minutes on two cores. Never part of a verdict: run it on a quiet machine.
#include <benchmark/benchmark.h>

#include <string>

#include "tests/unit/long_run_values.hpp"

namespace lockstep {
namespace {

constexpr double trials_goal = 10000.0 / 120 / 2;  // per second and core

constexpr const char* month = R"(
  job.tensor=8
  job.pipeline=16
  reliability.horizon=30d
)";

constexpr const char* all_sources = R"(
  reliability.domain_failure_share=0.1
  reliability.lemon_fraction=0.012
  reliability.switch_failure_rate=1e-4/d
  reliability.cable_failure_rate=1.9e-5/d
  reliability.ocs_failure_rate=4e-4/d
  reliability.maintenance=3e-4/d
  reliability.link_flap_rate=0.1/d
)";

void trials(benchmark::State& state, const std::string& lines) {
  const test::LongRunPoint point(test::join(month, lines));
  EqualStepTimes steps(10, 1, point.point->layout().replicas);
  std::uint32_t trial = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        run_over_horizon(point.run.reliability(), point.run.job(), steps, 1, trial++, 1));
  using benchmark::Counter;
  const auto count = static_cast<double>(state.iterations());
  state.counters["trials/s"] = Counter(count, Counter::kIsRate);
  state.counters["of_goal"] = Counter(count / trials_goal, Counter::kIsRate);
}

void register_all() {
  for (const char* fleet : {"H100:100000", "GB200:100008"})
    for (const char* kind : {"tree", "ocs_torus", "torus"})
      for (bool all : {false, true})
        for (const char* spares : {"unlimited", "64"}) {
          const std::string name = std::string(fleet) + "/" + kind +
                                   (all ? "/all_sources" : "/nodes") + "/spares_" + spares;
          const std::string lines =
              test::join(std::string("fleet.chips=") + fleet, std::string("topology.kind=") + kind,
                         std::string("reliability.spares=") + spares, all ? all_sources : "");
          benchmark::RegisterBenchmark(name.c_str(), trials, lines)->Unit(benchmark::kMillisecond);
        }
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  lockstep::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
