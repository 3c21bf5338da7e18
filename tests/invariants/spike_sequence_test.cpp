// Spikes found by geometric gaps are independent events of equal probability.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/noise/noise.hpp"

namespace lockstep {
namespace {

constexpr std::uint64_t seed = 20240607;
constexpr double level_1e_6 = 4.892;  // z that a normal exceeds, to either side, once in 1e6

/// z of a chi-square value with `freedom` degrees (Wilson and Hilferty, PNAS 17, 1931).
double chi_square_z(double value, double freedom) {
  const double spread = 2 / (9 * freedom);
  return (std::cbrt(value / freedom) - (1 - spread)) / std::sqrt(spread);
}

double log_binomial(int n, int k, double p) {
  return std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) + k * std::log(p) +
         (n - k) * std::log1p(-p);
}

struct Counts {
  std::vector<double> by_number;  ///< sequences with so many spikes
  std::vector<double> by_place;   ///< spikes at each message
};

Counts count_spikes(double probability, int messages, int sequences) {
  const Distribution delay(1e-3);
  Counts counts{std::vector<double>(static_cast<std::size_t>(messages) + 1, 0.0),
                std::vector<double>(static_cast<std::size_t>(messages), 0.0)};
  for (int i = 0; i < sequences; ++i) {
    MessageNoise noise;
    noise.spikes = Stream{seed, purpose::spike, static_cast<std::uint32_t>(i / 100)};
    noise.spike_probability = probability;
    noise.spike_delay = &delay;
    std::size_t number = 0;
    std::int64_t before = -1;
    for (SpikeSequence spikes(noise, i % 100, messages); !spikes.done(); spikes.next()) {
      EXPECT_GT(spikes.message(), before);
      EXPECT_LT(spikes.message(), messages);
      EXPECT_EQ(spikes.delay(), 1e-3);
      before = spikes.message();
      ++counts.by_place[static_cast<std::size_t>(before)];
      ++number;
    }
    ++counts.by_number[number];
  }
  return counts;
}

/// z of the numbers of spikes against Binomial(messages, probability); cells of at least 10.
double number_z(const Counts& counts, double probability, int sequences) {
  const int messages = static_cast<int>(counts.by_place.size());
  double value = 0, expected = 0, seen = 0;
  int cells = 0;
  for (int k = 0; k <= messages; ++k) {
    expected += sequences * std::exp(log_binomial(messages, k, probability));
    seen += counts.by_number[static_cast<std::size_t>(k)];
    if (expected < 10 && k < messages) continue;
    if (expected > 0) value += (seen - expected) * (seen - expected) / std::max(expected, 1.0);
    ++cells;
    expected = seen = 0;
  }
  return chi_square_z(value, cells - 1);
}

double place_z(const Counts& counts, double probability, int sequences) {
  double value = 0;
  const double expected = sequences * probability;
  for (double seen : counts.by_place)
    value += (seen - expected) * (seen - expected) / (expected * (1 - probability));
  return chi_square_z(value, static_cast<double>(counts.by_place.size()));
}

TEST(SpikeSequence, NumberIsBinomialAndPlacesAreUniform) {
  constexpr int messages = 60, sequences = 40000;
  for (double p : {0.005, 0.02, 0.3, 0.9}) {
    const Counts counts = count_spikes(p, messages, sequences);
    EXPECT_LT(number_z(counts, p, sequences), level_1e_6) << "p " << p << ", seed " << seed;
    EXPECT_LT(place_z(counts, p, sequences), level_1e_6) << "p " << p << ", seed " << seed;
    // A probability 10 % off must be rejected.
    EXPECT_GT(number_z(counts, 1.1 * p, sequences), level_1e_6) << "p " << p;

    // So must places that are not uniform: half of the first message's moved to the last.
    Counts moved = counts;
    moved.by_place.front() *= 0.5;
    moved.by_place.back() += moved.by_place.front();
    EXPECT_GT(place_z(moved, p, sequences), level_1e_6) << "p " << p;
  }
}

TEST(SpikeSequence, ProbabilityZeroHitsNoneAndOneHitsEvery) {
  const Counts none = count_spikes(0, 50, 100);
  EXPECT_EQ(none.by_number[0], 100);
  const Counts every = count_spikes(1, 50, 100);
  EXPECT_EQ(every.by_number[50], 100);
  const Counts of_nothing = count_spikes(0.5, 0, 100);
  EXPECT_EQ(of_nothing.by_number[0], 100);
}

TEST(SpikeSequence, RareSpikesAmongVeryManyMessages) {
  const Distribution delay(1e-3);
  MessageNoise noise;
  noise.spikes = Stream{seed, purpose::spike, 0};
  noise.spike_probability = 1e-9;
  noise.spike_delay = &delay;
  constexpr std::int64_t messages = 1'000'000'000'000;  // mean 1000 spikes
  double number = 0, place_sum = 0;
  for (SpikeSequence spikes(noise, 0, messages); !spikes.done(); spikes.next()) {
    ++number;
    place_sum += static_cast<double>(spikes.message()) / static_cast<double>(messages);
  }
  EXPECT_LT(std::abs(number - 1000) / std::sqrt(1000.0), level_1e_6) << "seed " << seed;
  EXPECT_LT(std::abs(place_sum / number - 0.5) * std::sqrt(12 * number), level_1e_6);
}

// Calls of a group share its messages: each has those that the whole has there, walked to or begun
// where they begin.
TEST(SpikeSequence, CallsHaveWhatTheWholeHas) {
  constexpr std::int64_t messages = 40, calls = 25;
  const Distribution delay = Distribution::parse("exponential(mean=1ms)", Dimension::time);
  for (double p : {0.01, 0.2, 0.95}) {
    MessageNoise noise;
    noise.spikes = Stream{seed, purpose::spike, 7};
    noise.spike_probability = p;
    noise.spike_delay = &delay;
    for (std::int64_t group : {3, 5}) {
      std::vector<std::vector<std::pair<std::int64_t, double>>> whole(calls);
      std::vector<std::vector<SpikeStart>> starts(calls);
      for (SpikeSequence spikes(noise, group, calls * messages); !spikes.done(); spikes.next()) {
        const auto call = static_cast<std::size_t>(spikes.message() / messages);
        if (starts[call].empty()) starts[call].push_back(spikes.start());
        whole[call].emplace_back(spikes.message() % messages, spikes.delay());
      }
      for (std::size_t call = 0; call < calls; ++call)
        for (bool is_told : {false, true}) {
          MessageNoise of_call = noise;
          of_call.first_message = static_cast<std::int64_t>(call) * messages;
          if (is_told) of_call.starts = starts[call];
          std::vector<std::pair<std::int64_t, double>> own;
          for (SpikeSequence spikes(of_call, group, messages); !spikes.done(); spikes.next())
            own.emplace_back(spikes.message(), spikes.delay());
          EXPECT_EQ(own, whole[call]) << "p " << p << ", call " << call << ", told " << is_told;
          if (!of_call.starts.empty()) {
            EXPECT_TRUE(SpikeSequence(of_call, group + 1, messages).done());
          }
        }
    }
  }
}

}  // namespace
}  // namespace lockstep
