// topology.method = fast against exact, for every kind that has it, and what auto takes.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

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

TEST(RingMethod, FastKeepsMeanAndTailUnderJitter) {
  for (const JitterCase& jitter : jitter_cases())
    compare_jitter(*kinds_with_methods()[0], jitter, 1024, 100);
}

}  // namespace
}  // namespace lockstep::test
