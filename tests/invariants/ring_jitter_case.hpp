#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "tests/invariants/topology_case.hpp"
#include "topologies/table.hpp"

namespace lockstep::test {

inline Settings joined(Settings all, const Settings& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

inline std::vector<const TopologyKind*> kinds_with_methods() {
  std::vector<const TopologyKind*> kinds;
  for (const TopologyKind* kind : topology_kinds())
    for (const Parameter& row : kind->parameters)
      if (row.key == "topology.method") kinds.push_back(kind);
  return kinds;
}

inline TopologyCase make_case(const TopologyKind& kind, const Settings& settings,
                              const char* method, Operation operation = Operation::all_reduce) {
  return {kind, joined(settings, {{"topology.method", method}}),       1,        1,
          1e9,  [](std::int64_t, std::int64_t) { return Settings{}; }, operation};
}

inline const Settings uniform{{"fabric.hop_latency", "2us"}, {"fabric.hop_bandwidth", "1TB/s"}};
// LL128 at all sizes: where auto takes LL, its hops are shorter than these laws' jitter.
inline const Settings switched{
    {"fabric.leaf_chips", "64"}, {"fabric.pod_chips", "512"}, {"fabric.protocol", "LL128"}};

struct Completion {
  double mean, p99;  // [s]
};

inline Completion completion(const TopologyCase& c, int trials) {
  std::vector<double> times;
  const std::vector<double> ready(static_cast<std::size_t>(c.groups() * c.ranks()), 0.0);
  for (int t = 0; t < trials; ++t) {
    const MessageNoise noise = message_noise(c.noise, 5, static_cast<std::uint32_t>(t), 0);
    const auto finish = c.run(noise, {}, ready);
    times.push_back(*std::max_element(finish.begin(), finish.end()));
  }
  std::sort(times.begin(), times.end());
  const double mean = std::accumulate(times.begin(), times.end(), 0.0) / trials;
  if (trials >= 100) return {mean, times[static_cast<std::size_t>(0.99 * (trials - 1))]};
  // Too few to have one: by a normal tail, whose sd is below 0.1 % of the mean on large rings.
  double squares = 0;
  for (double time : times) squares += (time - mean) * (time - mean);
  return {mean, mean + 2.326 * std::sqrt(squares / (trials - 1))};
}

struct JitterCase {
  const char* law;
  const Settings& fabric;
  double spikes;  ///< expected in the ring
  const char* delay = "exponential(mean=250us)";
};

inline const std::vector<JitterCase>& jitter_cases() {
  static const std::vector<JitterCase> all{
      {"exponential(mean=2us)", uniform, 0},
      {"exponential(mean=200ns)", uniform, 0},
      {"gamma(mean=1us, shape=0.7)", uniform, 0},
      {"gamma(mean=1.5us, shape=4)", switched, 0},
      {"lognormal(mean=1us, sigma=1)", uniform, 0},
      {"lognormal(mean=600ns, sigma=0.5)", switched, 0},
      {"exponential(mean=1us)", switched, 0},
      {"exponential(mean=1us)", uniform, 1},
      {"exponential(mean=2us)", uniform, 4},
      {"lognormal(mean=1us, sigma=1)", uniform, 2},
      {"exponential(mean=500ns)", uniform, 20},
      {"gamma(mean=1us, shape=2)", uniform, 20},
      {"gamma(mean=1us, shape=2)", switched, 2},
      {"exponential(mean=1us)", uniform, 50, "exponential(mean=100us)"},
      {"exponential(mean=2us)", uniform, 50, "exponential(mean=20us)"},
      {"lognormal(mean=500ns, sigma=0.7)", switched, 50, "lognormal(median=50us, sigma=1)"},
  };
  return all;
}

/// The law that is too heavy-tailed for one lap.
inline bool is_heavy(const JitterCase& jitter) {
  return std::string_view(jitter.law) == "lognormal(mean=1us, sigma=1)";
}

/// Fast against exact under jitter; mean and p99 of the completion time.
inline void compare_jitter(const TopologyKind& kind, const JitterCase& jitter, std::int64_t ranks,
                           int trials, Operation operation = Operation::all_reduce) {
  const double laps = operation == Operation::all_reduce ? 2 : 1;
  const double rate = jitter.spikes / (laps * static_cast<double>(ranks * ranks));
  const Settings settings =
      joined(jitter.fabric, {{"fleet.chips", fmt::format("H100:{}", ranks)},
                             {"noise.hop_jitter", jitter.law},
                             {"topology.channels", "1"},
                             {"noise.spike_probability", fmt::format("{}", rate)},
                             {"noise.spike_delay", jitter.delay}});
  const TopologyCase fast = make_case(kind, settings, "auto", operation);
  if (laps == 1 && is_heavy(jitter)) {
    EXPECT_NE(fast.collective->choice().find("exact (jitter is heavy-tailed)"), std::string::npos);
    return;
  }
  if (fast.collective->choice().find("fast") == std::string::npos) {
    ADD_FAILURE() << "not in the verified range: " << fast.name;
    return;
  }
  const Completion got = completion(fast, trials);
  const Completion expected = completion(make_case(kind, settings, "exact", operation), trials);
  const double mean = got.mean / expected.mean - 1, p99 = got.p99 / expected.p99 - 1;
  fmt::print("{} of {} ranks, {}, spikes {}: mean {:+.3f} %, p99 {:+.3f} %\n", name_of(operation),
             ranks, jitter.law, jitter.spikes, 100 * mean, 100 * p99);
  EXPECT_LT(std::abs(mean), 0.005) << fast.name;
  EXPECT_LT(std::abs(p99), 0.01) << fast.name;
  // The control: what is 2 % longer is told apart.
  EXPECT_GT(std::abs(1.02 * (1 + mean) - 1), 0.005) << fast.name;
  EXPECT_GT(std::abs(1.02 * (1 + p99) - 1), 0.01) << fast.name;
}

}  // namespace lockstep::test
