// Rates of one ring all-reduce, each with its ratio to the goal of one AVX-512 core: message by
// message, at every level of this processor, and by its chains. Never part of a verdict: run it on
// a quiet machine.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/jitter_levels.hpp"
#include "topologies/algorithms/ring/latest/ring_latest.hpp"
#include "topologies/algorithms/ring/ring_chains.hpp"
#include "topologies/algorithms/ring/ring_rows.hpp"

namespace lockstep {
namespace {

struct RingBenchmark {
  const char* name;
  const char* jitter;
  double goal;  ///< messages/s
};

constexpr RingBenchmark benchmarks[] = {
    {"quiet", "none", 1.2e10},
    {"exponential", "exponential(mean=1us)", 1e9},
    {"tabulated", "lognormal(median=1us, sigma=0.5)", 1e9},
};

/// Rows of a ring of `ranks` unequal hops.
void ring_rows(benchmark::State& state, const RingBenchmark& what, const JitterLevel& level,
               std::int64_t ranks, int workers) {
  std::vector<double> times(static_cast<std::size_t>(ranks)), latency(times), gap(times);
  for (std::size_t i = 0; i < gap.size(); ++i) {
    gap[i] = 5e-6 * (1 + static_cast<double>(i % 7));
    latency[i] = gap[i] + 1e-6 * static_cast<double>(1 + i % 5);
  }
  const MessageJitter jitter(Distribution::parse(what.jitter, Dimension::time), *level.jitter);
  MessageNoise noise;
  noise.jitter = Stream{1, purpose::hop_jitter, 0};
  if (!jitter.is_none()) noise.hop_jitter = &jitter;
  const RingRows ring(latency.data(), gap.data(), ranks, *level.ring);
  constexpr std::int64_t rows = 1024;
  for (auto _ : state) {
    SpikeSequence none(noise, 0, rows * ranks);
    ring.run(noise, none, 0, 0, rows, times, workers);
    benchmark::ClobberMemory();
  }
  using benchmark::Counter;
  const double messages = static_cast<double>(rows * ranks * state.iterations());
  state.counters["messages/s"] = Counter(messages, Counter::kIsRate);
  state.counters["of_goal"] = Counter(messages / what.goal, Counter::kIsRate);
}

/// A fast ring of nodes of eight whose ranks are ready at random, `spikes` of them late: when each
/// finishes, or the last.
void ring_chains(benchmark::State& state, std::int64_t ranks, std::int64_t spikes, bool latest) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<double> ready, latency, gap;
  for (std::int64_t i = 0; i < ranks; ++i) {
    gap.push_back(i % 8 ? 3e-7 : 1e-6);
    latency.push_back(gap.back() + 2e-6);
    ready.push_back(1e-2 * uniform(random));
  }
  std::vector<RingEvent> events;
  for (std::int64_t i = 0; i < spikes; ++i)
    events.push_back(
        {static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(2 * (ranks - 1))),
         static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(ranks)),
         -5e-3 * std::log(1 - uniform(random))});
  std::sort(events.begin(), events.end(), [](const RingEvent& a, const RingEvent& b) {
    return std::pair(a.row, a.position) < std::pair(b.row, b.position);
  });
  const RingChains ring(latency.data(), gap.data(), ranks, 2 * (ranks - 1));
  const std::vector<double> after(ready.size(), 0.0);
  const RingLatest last(latency.data(), gap.data(), 2 * (ranks - 1), after);
  RingChains::Scratch scratch;
  RingLatest::Scratch late;
  std::vector<double> times;
  for (auto _ : state) {
    if (latest) {
      benchmark::DoNotOptimize(last.run(events, ready, late));
    } else {
      times = ready;
      ring.run(events, times, scratch);
    }
    benchmark::ClobberMemory();
  }
  const double goal = latest ? 15e-3 : 25e-3;  // s, at 131,072 ranks with up to 1e5 spikes
  using benchmark::Counter;
  state.counters["of_goal"] =
      Counter(goal * static_cast<double>(state.iterations()), Counter::kIsRate);
}

}  // namespace
}  // namespace lockstep

int main(int count, char** values) {
  using namespace lockstep;
  const std::vector<JitterLevel> levels = jitter_levels();
  for (const RingBenchmark& what : benchmarks)
    for (const JitterLevel& level : levels)
      for (std::int64_t ranks : {1717, 131072})
        for (int workers : {1, 2}) {
          if (workers > 1 && (ranks < 131072 || &level != &levels.back())) continue;
          const std::string name = std::string("ring_rows/") + what.name + "/" + level.name + "/" +
                                   std::to_string(ranks) + "/workers:" + std::to_string(workers);
          benchmark::RegisterBenchmark(name.c_str(), ring_rows, what, level, ranks, workers)
              ->Unit(benchmark::kMillisecond)
              ->UseRealTime();
        }
  for (std::int64_t spikes : {0, 10, 100, 1000, 10000, 100000})
    for (bool latest : {false, true})
      benchmark::RegisterBenchmark(((latest ? "ring_latest" : "ring_chains") +
                                    std::string("/131072/spikes:") + std::to_string(spikes))
                                       .c_str(),
                                   ring_chains, 131072, spikes, latest)
          ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&count, values);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
