// Fast rings under jitter against exact ones at 2,048 to 16,384 ranks, where the fast ring's pace
// is extrapolated. Takes minutes: label long.

#include "tests/invariants/ring_jitter_case.hpp"

namespace lockstep::test {
namespace {

TEST(RingJitter, FastKeepsMeanAndTailUpTo16384Ranks) {
  for (const auto& [ranks, trials] :
       {std::pair<std::int64_t, int>{2048, 100}, {4096, 100}, {16384, 24}})
    for (const JitterCase& jitter : jitter_cases())
      compare_jitter(*kinds_with_methods()[0], jitter, ranks, trials);
}

}  // namespace
}  // namespace lockstep::test
