// Fast rings under jitter against exact ones at 2,048 to 131,072 ranks, where the fast ring's pace
// is extrapolated. Takes minutes: label long.

#include "tests/invariants/ring_jitter_case.hpp"

namespace lockstep::test {
namespace {

TEST(RingJitter, FastKeepsMeanAndTailUpTo16384Ranks) {
  for (const auto& [ranks, trials] :
       {std::pair<std::int64_t, int>{2048, 100}, {4096, 100}, {16384, 24}})
    for (const JitterCase& jitter : jitter_cases())
      for (Operation operation : {Operation::all_reduce, Operation::all_gather})
        compare_jitter(*kinds_with_methods()[0], jitter, ranks, trials, operation);
}

TEST(RingJitter, FastKeepsMeanAndTailAt131072Ranks) {
  const TopologyKind& kind = *kinds_with_methods()[0];
  compare_jitter(kind, {"exponential(mean=1us)", uniform, 50}, 131072, 2);
  compare_jitter(kind, {"lognormal(mean=1us, sigma=1)", uniform, 0}, 131072, 2);
}

}  // namespace
}  // namespace lockstep::test
