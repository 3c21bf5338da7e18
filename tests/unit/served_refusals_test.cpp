// What cannot be served is refused by what to set; profiles of the day.

#include <gtest/gtest.h>

#include <fstream>

#include "engine/base/error.hpp"
#include "engine/serving/served_fleet.hpp"
#include "engine/training/jobs.hpp"
#include "tests/unit/scenario_values.hpp"
#include "tests/unit/served_mix.hpp"

namespace lockstep {
namespace {

using test::join;
using test::served_jobs;
using test::served_mix;

struct Refused {
  const char* lines;
  const char* message;
};

class Refusals : public testing::TestWithParam<Refused> {};

TEST_P(Refusals, SayWhatToSet) {
  try {
    served_jobs(join(served_mix, GetParam().lines));
    FAIL() << GetParam().lines;
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().message), std::string::npos)
        << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Serving, Refusals,
    testing::Values(
        Refused{"serving.request_rate=5/s", "both given"},
        Refused{"serving.load=none\nserving.request_rate=1e6/s", "times what the fleet is rated"},
        Refused{"serving.warmup_time=3s", "set serving.warmup_time and serving.window to"},
        Refused{"serving.window=1s", "set serving.warmup_time and serving.window to"},
        Refused{"serving.model_parameters=71e9", "take roofline"},
        Refused{"fleet.chips=A100:8", "no published operating point"},
        Refused{"serving.law=roofline\nserving.model_parameters=4e12", "do not fit"},
        Refused{"serving.chips_per_replica=16", "has 8 chips"},
        Refused{"serving.longest=1000000", "tokens of context"},
        Refused{"serving.token_limit=10ms", "with one request, and"},
        Refused{"serving.iteration=H100 14ms", "is no law"},
        Refused{"serving.iteration=H100: -100ms + 0.2ms", "H100: -100ms + 0.2ms (neither t0 nor c"},
        Refused{"serving.iteration=H200: 14ms + 0ms, H100: 14ms + -0.2ms", "= H100: 14ms + -0.2ms"},
        Refused{"serving.iteration=H100: -1ms + 0ms", "is below 0"},
        Refused{"serving.iteration=H100: 0ms + 0ms", "is no law"},
        Refused{"serving.trace=other", "is no CSV file"},
        Refused{"serving.profile=weekly", "is no CSV file"},
        Refused{"serving.input_tokens=0", "serving.input_tokens = 0 (a request has a token"},
        Refused{"serving.output_tokens=exponential(mean=0.5)", "serving.output_tokens = exp"},
        Refused{"serving.iteration=H200: 14ms + 0.2ms, H20: 9ms + 1ms", "generation 'H20'"},
        Refused{"serving.iteration=H200: 14ms + 0.2ms, H200: 9ms + 1ms", "two laws of H200"},
        Refused{"serving.chunk=1", "serving.chunk = 1 (what is rated reads prompts evenly"},
        Refused{"serving.load=none\nserving.request_rate=1e-9/s", "virtual clocks"},
        Refused{"serving.input_tokens=9000\nserving.output_tokens=1",
                "1 of output, 9000 of input in"},
        Refused{"serving.input_tokens=8000\nserving.output_tokens=1",
                "one request, and 8000 tokens of input in it, takes 526.6ms)"},
        Refused{"serving.load=1e-9", "serving.load = 1e-09 (five mean response times"},
        Refused{"serving.load=none\nserving.request_rate=1e-9/s",
                "serving.request_rate = 1e-09/s (five"},
        Refused{"serving.memory_share=1e-9",
                "serving.memory_share = 1e-09 x serving.weights_share"},
        Refused{"serving.memory_share=1e-9\nserving.chips_per_replica=1",
                "0 tokens of context in serving.memory_share = 1e-09 of HBM"},
        Refused{"serving.active_parameters=71e9",
                "serving.active_parameters = 7.1e+10 (serving.model_parameters = 7e+10 are all)"},
        Refused{"fleet.chips=H100:1", "fewer chips than a replica"}));

/// A profile whose every day begins with `factor` for a minute.
std::string with_peak(const char* factor) {
  const std::string path = testing::TempDir() + "profile_" + factor + ".csv";
  std::ofstream(path) << "0, " << factor << "\n60, 0.5\n";
  return join("serving.profile=" + path, "serving.time_of_day=0s", "serving.load=0.5",
              "serving.warmup_time=10min", "serving.window=10min");
}

TEST(Profiles, CountInTheRequestsOfATrial) {
  const auto expected = [](const std::string& lines) {
    return ServedFleet(served_jobs(join(served_mix, lines))).expected_requests();
  };
  const double usual =
      expected("serving.load=0.5\nserving.warmup_time=10min\nserving.window=10min");
  EXPECT_NEAR(expected(with_peak("1")) / usual, (1 + 19 * 0.5) / 20, 1e-9);
  EXPECT_NEAR(expected(with_peak("100")) / usual, (100 + 19 * 0.5) / 20, 1e-9);
  // From 12 h on the diurnal one is above its mean: as much as the day's peak at most.
  const double diurnal = expected(
                             "serving.load=0.5\nserving.profile=diurnal\n"
                             "serving.warmup_time=10min\nserving.window=10min") /
                         usual;
  EXPECT_GT(diurnal, 1.6);
  EXPECT_LT(diurnal, 1.81);
  try {
    served_jobs(join(served_mix, with_peak("5000")));
    FAIL();
  } catch (const InputError& error) {
    const std::string said = error.what();
    EXPECT_NE(said.find("serving.profile = "), std::string::npos) << said;
    EXPECT_NE(said.find("125.2 times what the fleet is rated for"), std::string::npos) << said;
  }
}

TEST(Profiles, ThatAreNoneSayWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"100, 1\n200, 0.5\n", ":1: its time is 100 (the first line of a profile is for 0 s"},
      {"0, 1\n90000, 0.5\n", ":2: its time is 90000 (seconds of a day are below 86400)"},
      {"0, 1\n3, 0.5\n2, 1\n", ":3: its time is not after the one above"},
      {"0, 1\n3, 0.5\n3, 1\n", ":3: its time is not after the one above"},
      {"0 h, 1\n3600, 0.5\n", ":1: it is no time in seconds and factor"}};
  const std::string path = testing::TempDir() + "no_profile.csv";
  for (const auto& [content, message] : cases) {
    std::ofstream(path) << content;
    try {
      served_jobs(join(served_mix, "serving.profile=" + path));
      FAIL() << content;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
    }
  }
  std::ofstream(path) << "time, factor\n0, 1\n3600, 0.5\n";
  EXPECT_NO_THROW(served_jobs(join(served_mix, "serving.profile=" + path)));
}

}  // namespace
}  // namespace lockstep
