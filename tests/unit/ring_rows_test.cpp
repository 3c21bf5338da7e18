// The ring in passes, parts and vectors against the same recursion message by message: equal bits.

#include "topologies/algorithms/ring/ring_rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/any_purpose.hpp"
#include "tests/unit/jitter_levels.hpp"

namespace lockstep {
namespace {

struct RingCase {
  std::int64_t ranks, rows;
  bool uniform;
  double spike_probability;
  const char* jitter;  ///< null: none
};

struct RingInputs {
  explicit RingInputs(const RingCase& c)
      : spike_delay(Distribution::parse("lognormal(median=30us, sigma=1)", Dimension::time)) {
    const Stream stream{.seed = 5, .purpose = any_purpose, .trial = 0};
    for (std::int64_t i = 0; i < c.ranks; ++i) {
      const auto at = static_cast<std::uint64_t>(c.uniform ? 0 : i);
      gap.push_back(2e-6 * (1 + stream.uniform(at, 0)));
      latency.push_back(gap.back() + 1e-6 * stream.uniform(at, 1));
      ready.push_back(1e-4 * stream.uniform(static_cast<std::uint64_t>(i), 2));
    }
    noise.spikes = Stream{6, purpose::spike, 1};
    noise.jitter = Stream{6, purpose::hop_jitter, 1};
    noise.spike_probability = c.spike_probability;
    noise.spike_delay = &spike_delay;
  }

  Distribution spike_delay;
  MessageNoise noise;
  std::vector<double> latency, gap, ready;
};

constexpr std::int64_t group = 2, first_message = 12345;

std::vector<double> message_by_message(const RingCase& c, const RingInputs& in) {
  SpikeSequence spikes(in.noise, group, first_message + c.rows * c.ranks);
  while (!spikes.done() && spikes.message() < first_message) spikes.next();
  std::vector<double> state = in.ready, next(state.size());
  for (std::int64_t row = 0; row < c.rows; ++row) {
    for (std::size_t i = 0; i < state.size(); ++i)
      next[i] =
          std::max(state[i] + in.gap[i], state[i == 0 ? state.size() - 1 : i - 1] + in.latency[i]);
    add_row_noise(in.noise, spikes, group, first_message + row * c.ranks, next);
    state.swap(next);
  }
  return state;
}

const RingCase cases[] = {
    {1, 9, true, 0.1, "exponential(mean=1us)"},
    {2, 30, false, 0.1, "exponential(mean=1us)"},
    {7, 30, false, 0, nullptr},
    {8, 30, false, 0.3, nullptr},
    {9, 31, true, 0, "exponential(mean=1us)"},
    {16, 40, false, 0.02, "lognormal(median=1us, sigma=0.5)"},
    {100, 203, true, 0.003, nullptr},
    {100, 203, false, 0.3, "exponential(mean=1us)"},
    {1024, 61, true, 1e-3, "exponential(mean=1us)"},
    {2048, 40, false, 1e-3, "exponential(mean=1us)"},
    {2049, 43, false, 1e-3, "exponential(mean=1us)"},
    {4100, 37, false, 1e-4, "gamma(mean=1us, shape=3)"},
    {5001, 37, true, 0, "1us"},
    // Several parts, several blocks of rows and a rest.
    {16387, 301, false, 0, nullptr},
    {16387, 301, true, 1e-4, nullptr},
    {24577, 147, false, 2e-4, "exponential(mean=1us)"},
    {24577, 147, false, 0.05, "lognormal(median=1us, sigma=0.5)"},
    {60000, 139, true, 1e-3, "exponential(mean=1us)"},
};

TEST(RingRows, GiveTheBitsOfTheRecursionForAnyNumberOfWorkersAtEveryLevel) {
  for (const RingCase& c : cases) {
    RingInputs in(c);
    MessageJitter jitter;
    if (c.jitter) {
      jitter = Distribution::parse(c.jitter, Dimension::time);
      in.noise.hop_jitter = &jitter;
    }
    const std::vector<double> expected = message_by_message(c, in);
    for (const JitterLevel& level : jitter_levels())
      for (int workers : {1, 2, 7}) {
        if (workers > 1 && c.ranks < 16384) continue;
        const MessageJitter of_level(jitter.law(), *level.jitter);
        if (c.jitter) in.noise.hop_jitter = &of_level;
        SpikeSequence spikes(in.noise, group, first_message + (c.rows + 3) * c.ranks);
        while (!spikes.done() && spikes.message() < first_message) spikes.next();
        std::vector<double> state = in.ready;
        RingRows(in.latency.data(), in.gap.data(), c.ranks, *level.ring)
            .run(in.noise, spikes, group, first_message, c.rows, state, workers);
        ASSERT_EQ(state, expected) << c.ranks << " ranks, spikes " << c.spike_probability << ", "
                                   << level.name << ", " << workers << " workers";
        EXPECT_TRUE(spikes.done() || spikes.message() >= first_message + c.rows * c.ranks);
      }
  }
}

TEST(RingRows, TellAnotherNoise) {
  const RingCase c{20000, 150, false, 1e-5, "exponential(mean=1us)"};
  RingInputs in(c);
  const MessageJitter jitter(Distribution::parse(c.jitter, Dimension::time)),
      other(Distribution::parse("exponential(mean=1.000001us)", Dimension::time));
  in.noise.hop_jitter = &jitter;
  const std::vector<double> expected = message_by_message(c, in);
  in.noise.hop_jitter = &other;
  SpikeSequence spikes(in.noise, group, first_message + c.rows * c.ranks);
  while (!spikes.done() && spikes.message() < first_message) spikes.next();
  std::vector<double> state = in.ready;
  RingRows(in.latency.data(), in.gap.data(), c.ranks)
      .run(in.noise, spikes, group, first_message, c.rows, state);
  for (std::size_t i = 0; i < state.size(); ++i) EXPECT_NE(state[i], expected[i]);
}

}  // namespace
}  // namespace lockstep
