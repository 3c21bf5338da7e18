// Requests a second through a cell of 256 replicas, with the ratio to the goal of 1e6 on a core.
// Never part of a verdict: run it on a quiet machine.
#include <benchmark/benchmark.h>

#include <string>

#include "engine/serving/served_fleet.hpp"
#include "engine/training/jobs.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

constexpr double requests_goal = 1e6;  // per second and core

constexpr std::string_view colossus1 = R"(
  fleet.chips=H100:150000, H200:50000, GB200:20000
  job.compute_time=1s
  job.gradient_bytes=1MB
  noise.tenancy=single
  noise.straggler_fraction=0.000625
  serving.load=0.8
)";

void cell(benchmark::State& state, const std::string& lines) {
  const Jobs jobs(test::scenario_values(test::join(colossus1, lines)), topology_kinds(),
                  capabilities(), 1);
  const ServedFleet fleet(jobs);
  std::uint32_t trial = 0;
  double requests = 0;
  for (auto _ : state) requests += static_cast<double>(fleet.run_cell(trial++, 0, 1).arrived);
  using benchmark::Counter;
  state.counters["requests"] = Counter(requests, Counter::kAvgIterations);
  state.counters["requests/s"] = Counter(requests, Counter::kIsRate);
  state.counters["of_goal"] = Counter(requests / requests_goal, Counter::kIsRate);
}

void register_all() {
  for (const char* router : {"random", "power_of_two", "least_outstanding", "jsq_speed"})
    benchmark::RegisterBenchmark((std::string("cell/") + router).c_str(), [router](benchmark::State&
                                                                                       state) {
      cell(state, std::string("serving.router=") + router +
                      "\nserving.warmup_time=6min\nserving.window=6min");
    })->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  lockstep::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
