#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"
#include "engine/reliability/schedulable_share.hpp"
#include "tests/unit/long_run_values.hpp"

namespace lockstep {
namespace {

using test::join;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* tpu_machine = "fleet.chips=TPUv4:4096";  // 64 cubes of 16 hosts

/// The question alone: no steps are run.
std::unique_ptr<const SchedulableShare> share_of(const std::string& lines, std::uint64_t seed = 1) {
  const Values values = test::scenario_values(lines);
  return std::make_unique<SchedulableShare>(scenario_from(values, topology_kinds(), seed), values);
}

std::string slices(std::string_view kind, std::int64_t chips, double availability) {
  return fmt::format(
      "topology.kind={}\nreliability.slice_chips={}\nreliability.host_availability={}", kind, chips,
      availability);
}

std::vector<double> shares(const std::string& lines, std::uint32_t trials) {
  const auto share = share_of(lines);
  std::vector<double> all;
  for (std::uint32_t trial = 0; trial < trials; ++trial) all.push_back(share->of_trial(trial));
  return all;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

struct Moments {
  double mean = 0, variance = 0;
};

/// Of floor(B / 16) x 16 / 64, B binomial of 64 cubes each up with probability `up`.
Moments binomial_share(double up) {
  double first = 0, second = 0;
  for (int cubes = 0; cubes <= 64; ++cubes) {
    const double chance =
        std::exp(std::lgamma(65) - std::lgamma(cubes + 1) - std::lgamma(65 - cubes) +
                 cubes * std::log(up) + (64 - cubes) * std::log1p(-up));
    const double share = cubes / 16 * 16 / 64.0;
    first += chance * share;
    second += chance * share * share;
  }
  return {first, second - first * first};
}

TEST(ModelSlices, OpticalSlicesHaveTheBinomialExpectation) {
  constexpr std::uint32_t trials = 20000;
  constexpr double level = 4.9;  // two-sided, 1e-6
  for (const double availability : {0.97, 0.98, 0.99, 0.999}) {
    const double found =
        mean(shares(join(tpu_machine, slices("ocs_torus", 1024, availability)), trials));
    const auto z = [&](double hosts) {
      const Moments expected = binomial_share(std::pow(availability, hosts));
      return (found - expected.mean) / std::sqrt(expected.variance / trials);
    };
    EXPECT_LT(std::abs(z(16)), level) << availability << ": z = " << z(16) << ", seed 1";
    // Negative control: a cube of 15 or of 17 hosts.
    if (availability < 0.99) {
      EXPECT_GT(std::abs(z(15)), level) << availability;
      EXPECT_GT(std::abs(z(17)), level) << availability;
    }
  }
}

TEST(ModelSlices, PublishedShareOfThousandChipSlices) {
  // "1K-chip slices reach 75 % at host availability 99.0 % and 99.5 %", and without optical
  // switches 99.9 % is needed (arXiv 2304.01433): three slices fit nearly always.
  const auto found = [](const char* kind, double availability) {
    return mean(shares(join(tpu_machine, slices(kind, 1024, availability)), 4000));
  };
  EXPECT_NEAR(found("ocs_torus", 0.99), 0.75, 0.01);
  EXPECT_NEAR(found("ocs_torus", 0.995), 0.75, 0.01);
  EXPECT_LT(found("torus", 0.99), 0.35);
  EXPECT_LT(found("torus", 0.995), 0.6);
  EXPECT_GT(found("torus", 0.999), 0.75);
}

TEST(ModelSlices, OpticalSwitchesNeverUseLessThanFixedWiring) {
  std::int64_t more = 0;
  for (const double availability : {0.98, 0.99, 0.999})
    for (const std::int64_t chips : {256, 512, 1024, 1536, 2048, 3072, 4096}) {
      const auto fixed = shares(join(tpu_machine, slices("torus", chips, availability)), 100);
      const auto optical = shares(join(tpu_machine, slices("ocs_torus", chips, availability)), 100);
      const auto switched = shares(join(tpu_machine, slices("tree", chips, availability)), 100);
      for (std::size_t trial = 0; trial < fixed.size(); ++trial) {
        ASSERT_LE(fixed[trial], optical[trial]) << chips << ", trial " << trial;
        ASSERT_LE(optical[trial], switched[trial]) << chips << ", trial " << trial;
        more += fixed[trial] < optical[trial];
      }
    }
  EXPECT_GT(more, 500);
}

TEST(ModelSlices, MoreAvailableHostsNeverMakeLess) {
  std::int64_t more = 0;
  for (const TopologyKind* kind : topology_kinds())
    for (const std::int64_t chips : {256, 1024}) {
      std::vector<double> before(60, 0.0);
      for (const double availability : {0.0, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0}) {
        const auto now = shares(join(tpu_machine, slices(kind->name, chips, availability)), 60);
        for (std::size_t trial = 0; trial < now.size(); ++trial) {
          ASSERT_GE(now[trial], before[trial]) << kind->name << ' ' << availability;
          more += now[trial] > before[trial];
        }
        if (availability == 0) {
          ASSERT_EQ(mean(now), 0);
        }
        before = now;
      }
      EXPECT_EQ(mean(before), 1) << kind->name;
    }
  EXPECT_GT(more, 1000);
}

TEST(ModelSlices, SwitchedFabricsUseAllHealthyChips) {
  // 3 hosts of 8, 8 and 4 chips, and 5 hosts of 4: all sets of hosts occur.
  const std::string fleet = "fleet.chips=H100:20, GB200:20\n";
  const auto share = share_of(fleet + slices("ring", 6, 0.5));
  const auto h100 = make_generation("H100", 20, test::scenario_values(""));
  const auto gb200 = make_generation("GB200", 20, test::scenario_values(""));
  std::vector<int> seen(41, 0);
  for (std::uint32_t trial = 0; trial < 1000; ++trial) {
    const Stream stream{1, purpose::host_state, trial};
    const auto up = [&](const FleetGeneration& generation, std::uint64_t host) {
      return stream.uniform(static_cast<std::uint64_t>(generation.identity) << 32 | host, 0) < 0.5;
    };
    int healthy = 0;
    for (std::uint64_t host = 0; host < 3; ++host) healthy += up(h100, host) ? host < 2 ? 8 : 4 : 0;
    for (std::uint64_t host = 0; host < 5; ++host) healthy += up(gb200, host) ? 4 : 0;
    ++seen[static_cast<std::size_t>(healthy)];
    ASSERT_EQ(share->of_trial(trial), healthy / 6 * 6 / 40.0) << trial;
  }
  EXPECT_GT(std::count_if(seen.begin(), seen.end(), [](int count) { return count > 0; }), 9);
  EXPECT_NEAR(share->expected_healthy_share(), 0.5, 1e-12);
}

TEST(ModelSlices, CountChipsBeyondWholeCubesInTheMachine) {
  // 330 chips: five cubes and 10 chips. A torus of whole cubes takes 2x2x1 of them.
  const std::string fleet = "fleet.chips=TPUv4:330\n";
  EXPECT_EQ(share_of(fleet + slices("ocs_torus", 320, 1))->of_trial(0), 320 / 330.0);
  EXPECT_EQ(share_of(fleet + slices("torus", 256, 1))->of_trial(0), 256 / 330.0);
  EXPECT_EQ(share_of(fleet + slices("torus", 64, 1))->of_trial(0), 256 / 330.0);
  EXPECT_EQ(share_of(fleet + slices("torus", 64, 1) + "\ntopology.shape=4x4x8")->of_trial(0),
            128 / 330.0);
  EXPECT_EQ(share_of(fleet + slices("tree", 33, 1))->of_trial(0), 1);
  const auto cubes = share_of(fleet + slices("ocs_torus", 64, 0.9));
  EXPECT_NEAR(cubes->expected_healthy_share(), std::pow(0.9, 16) * 320 / 330, 1e-12);
}

TEST(ModelSlices, BelongToTheWholeFleetBesideItsSteps) {
  const std::string study = join("fleet.chips=H100:64, H200:64", "job.tokens_per_chip=8192");
  const auto run = [&](const std::string& lines) {
    return test::make_jobs(study + lines).run_trial(3, 1);
  };
  const std::string asked = slices("tree", 32, 0.8);
  const JobsResult without = run("topology.kind=tree"), with = run(asked);
  const auto share = [](const JobsResult& result) {
    return test::values_of(result, "schedulable_share");
  };
  EXPECT_TRUE(share(without).empty());
  EXPECT_EQ(with.training.step_time, without.training.step_time);
  EXPECT_THAT(share(with), testing::ElementsAre(share_of(study + asked)->of_trial(3)));
  EXPECT_EQ(share(run(asked + "\njob.work_share=isolated")), share(with));
  EXPECT_EQ(share(run(asked + "\nreliability.horizon=1d")), share(with));
}

std::string refusal(const std::string& lines) {
  try {
    test::make_jobs(join(tpu_machine, lines));
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ModelSlices, RefuseWhatCannotBeCut) {
  for (const TopologyKind* kind : topology_kinds())
    EXPECT_THAT(refusal(slices(kind->name, 8192, 0.99) + "\nchip.TPUv4.nccl=hopper"),
                AllOf(HasSubstr("reliability.slice_chips = 8192"), HasSubstr("has 4096 chips"),
                      HasSubstr("take at most 4096")));
  EXPECT_THAT(refusal("reliability.host_availability=0.99"),
              AllOf(HasSubstr("reliability.host_availability"), HasSubstr("slice_chips too")));
  EXPECT_THAT(refusal("reliability.slice_chips=64"),
              AllOf(HasSubstr("reliability.slice_chips"), HasSubstr("host_availability too")));
  for (const char* kind : {"torus", "ocs_torus"}) {
    EXPECT_THAT(refusal(slices(kind, 100, 0.99)),
                AllOf(HasSubstr("reliability.slice_chips = 100"), HasSubstr("whole cubes of 64"),
                      HasSubstr("take 64 or 128")));
    EXPECT_THAT(refusal(slices(kind, 8, 0.99)), HasSubstr("take 64"));
  }
  EXPECT_THAT(refusal(slices("torus", 640, 0.99)),
              AllOf(HasSubstr("no box of 10 cubes fits in the torus of 4x4x4"),
                    HasSubstr("take for example 576")));
  EXPECT_THAT(refusal(slices("torus", 2048, 0.99) + "\ntopology.shape=8x8x16"),
              AllOf(HasSubstr("no box of 32 cubes fits in the torus of 2x2x4"),
                    HasSubstr("take for example 1024")));
  EXPECT_THAT(refusal(slices("torus", 64, 0.99) + "\ntopology.shape=10x10x10"),
              AllOf(HasSubstr("topology.shape = 10x10x10"), HasSubstr("multiples of 4")));
  EXPECT_EQ(refusal(slices("ocs_torus", 640, 0.99)), "accepted");
  EXPECT_EQ(refusal(slices("tree", 100, 0.99)), "accepted");
}

}  // namespace
}  // namespace lockstep
