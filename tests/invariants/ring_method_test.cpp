// topology.method = fast against exact, for every kind that has it, and what auto takes.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/error.hpp"
#include "tests/invariants/ring_jitter_case.hpp"

namespace lockstep::test {
namespace {

TEST(RingMethod, FastEqualsExactRankByRankUnderSpikes) {
  ASSERT_GE(kinds_with_methods().size(), 1u);
  for (const TopologyKind* kind : kinds_with_methods())
    for (const Settings& fabric : {uniform, switched})
      for (const char* chips : {"H100:33", "H100:320", "H100:64, GB200:144"})
        for (const char* spikes : {"0", "1e-5", "1e-3"}) {
          const Settings settings = joined(fabric, {{"fleet.chips", chips}});
          const TopologyCase exact = make_case(*kind, settings, "exact");
          const TopologyCase fast = make_case(*kind, settings, "fast");
          const NoiseCase noise({{"noise.spike_probability", spikes}}, 17);
          const auto links = exact.unequal_links(0.05, 3);
          const auto ready = exact.ready_times(1e-3, 5);
          for (const LinkState& state : {LinkState{}, LinkState{links}}) {
            const auto expected = exact.run(noise.messages, state, ready);
            const auto got = fast.run(noise.messages, state, ready);
            double worst = 0;
            for (std::size_t i = 0; i < got.size(); ++i)
              worst = std::max(worst, std::abs(got[i] / expected[i] - 1));
            EXPECT_LE(worst, 1e-12) << fast.name << ", spikes " << spikes;
          }
          // The control: other spikes are told apart.
          if (std::string_view(spikes) == "1e-3") {
            const NoiseCase other({{"noise.spike_probability", spikes}}, 18);
            EXPECT_NE(fast.run(other.messages, {}, ready), fast.run(noise.messages, {}, ready));
          }
        }
}

TEST(RingMethod, ConstantJitterIsALongerHop) {
  const Settings settings = joined(switched, {{"fleet.chips", "H100:192"},
                                              {"noise.hop_jitter", "1us"},
                                              {"noise.spike_probability", "1e-4"}});
  const TopologyCase exact = make_case(*kinds_with_methods()[0], settings, "exact");
  const TopologyCase fast = make_case(*kinds_with_methods()[0], settings, "auto");
  const auto links = exact.unequal_links(0.05, 3);
  const auto ready = exact.ready_times(1e-4, 5);
  const MessageNoise noise = message_noise(exact.noise, 5, 0, 0);
  const auto expected = exact.run(noise, {links}, ready);
  const auto got = fast.run(noise, {links}, ready);
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i] / expected[i], 1, 1e-7) << fast.name;  // exact draws are floats
  EXPECT_GT(expected[0] / exact.run(MessageNoise{}, {links}, ready)[0], 1.01);  // the control
}

// auto says what it took and why.
TEST(RingMethod, AutoIsExactOutsideTheVerifiedRange) {
  struct Case {
    const char* chips;
    Settings noise;
    const char* expected;
  };
  const std::pair<std::string, std::string> jitter{"noise.hop_jitter", "exponential(mean=1us)"};
  const Case cases[] = {
      {"H100:32", {}, "fast (to rounding)"},
      {"H100:31", {}, "exact (few ranks)"},
      {"H100:64", {{"noise.spike_probability", "0.001"}}, "fast (to rounding)"},
      {"H100:64", {{"noise.spike_probability", "0.0011"}}, "exact (spikes are dense)"},
      {"H100:64", {{"noise.slow_link_fraction", "0.1"}}, "fast (to rounding)"},
      {"H100:1024", {jitter}, "fast (jitter adds"},
      {"H100:64", {{"noise.hop_jitter", "5us"}}, "fast (to rounding)"},
      {"H100:1023", {jitter}, "exact (jitter on few ranks)"},
      {"H100:1024",
       {{"noise.hop_jitter", "pareto(minimum=500ns, shape=1.5)"}},
       "exact (jitter is heavy-tailed)"},
      {"H100:1024",
       {{"noise.hop_jitter", "lognormal(mean=1us, sigma=1.1)"}},
       "exact (jitter is heavy-tailed)"},
      {"H100:1024",
       {{"noise.hop_jitter", "exponential(mean=2.1us)"}},
       "exact (jitter is above the mean hop latency, 2 us)"},
      {"H100:1024",
       {jitter, {"noise.spike_probability", "3e-5"}},
       "exact (jitter and many spikes)"},
      {"H100:1024",
       {jitter, {"noise.spike_probability", "1e-6"}, {"noise.spike_delay", "9us"}},
       "exact (spikes are as small"},
      {"H100:1024",
       {jitter, {"noise.slow_link_fraction", "0.001"}},
       "exact (jitter on slow links)"},
      {"H100:131073", {jitter}, "exact (jitter on more ranks"},
      {"H100:1024", {jitter, {"noise.congestion", "2"}}, "exact (jitter on slow links)"},
  };
  for (const Case& c : cases) {
    const Settings settings = joined(joined(uniform, {{"fleet.chips", c.chips}}), c.noise);
    const TopologyCase made = make_case(*kinds_with_methods()[0], settings, "auto");
    EXPECT_NE(made.collective->choice().find(c.expected), std::string::npos)
        << made.name << ", expected " << c.expected;
  }
  const TopologyCase forced = make_case(
      *kinds_with_methods()[0],
      joined(uniform, {{"fleet.chips", "H100:1024"}, jitter, {"noise.slow_link_fraction", "0.01"}}),
      "fast");
  EXPECT_NE(forced.collective->choice().find("fast (not verified: jitter on slow links)"),
            std::string::npos)
      << forced.name;
  EXPECT_THROW(make_case(*kinds_with_methods()[0],
                         joined(uniform, {{"fleet.chips", "H100:64"}, jitter}), "fast"),
               InputError);
}

// The cliff between the two: whoever takes it is told how high it is, and by which key it is
// avoided.
TEST(RingMethod, WarnsWhereExactTakesFarLonger) {
  const auto warning = [](const char* chips, const char* jitter, const char* method) {
    return make_case(*kinds_with_methods()[0],
                     joined(uniform, {{"fleet.chips", chips}, {"noise.hop_jitter", jitter}}),
                     method)
        .collective->warning();
  };
  const std::string told = warning("H100:131072", "exponential(mean=2.1us)", "auto");
  EXPECT_NE(told.find("rings of 131072 ranks are computed message by message (jitter is above the "
                      "mean hop latency, 2 us), which takes about 3.7e+04 times as long as "
                      "topology.method = fast"),
            std::string::npos)
      << told;
  EXPECT_EQ(warning("H100:131072", "exponential(mean=2.1us)", "exact"), "");  // as asked
  EXPECT_EQ(warning("H100:131072", "2.1us", "auto"), "");                     // a longer hop
  EXPECT_EQ(warning("H100:2048", "exponential(mean=2.1us)", "auto"), "");     // a few ms
  EXPECT_EQ(warning("H100:2048", "exponential(mean=1us)", "auto"), "");
}

// What is asked for without noise has none, whatever the hops of a fast ring are lengthened by: the
// noise-free communication that waiting is counted against.
TEST(RingMethod, NoiseFreeTimeHasNoJitter) {
  for (const TopologyKind* kind : kinds_with_methods()) {
    const Settings settings = joined(
        uniform, {{"fleet.chips", "H100:1024"}, {"noise.hop_jitter", "exponential(mean=1us)"}});
    const TopologyCase exact = make_case(*kind, settings, "exact");
    const TopologyCase fast = make_case(*kind, settings, "auto");
    const auto ready = exact.ready_times(1e-3, 5);
    const auto expected = exact.run(MessageNoise{}, {}, ready);
    const auto got = fast.run(MessageNoise{}, {}, ready);
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i] / expected[i], 1, 1e-12) << fast.name;
    const auto noisy = fast.run(message_noise(fast.noise, 5, 0, 0), {}, ready);  // the control
    EXPECT_GT(*std::max_element(noisy.begin(), noisy.end()),
              1.1 * *std::max_element(got.begin(), got.end()));
  }
}

TEST(RingMethod, FastKeepsMeanAndTailUnderJitter) {
  for (const JitterCase& jitter : jitter_cases())
    compare_jitter(*kinds_with_methods()[0], jitter, 1024, 100);
  // One lap is shorter and its p99 less sure; all laws on more ranks: label long.
  for (std::size_t i = 0; i < jitter_cases().size(); i += 4)
    compare_jitter(*kinds_with_methods()[0], jitter_cases()[i], 1024, 300,
                   Operation::reduce_scatter);
}

}  // namespace
}  // namespace lockstep::test
