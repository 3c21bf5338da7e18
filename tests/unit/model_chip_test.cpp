#include "engine/machine/chip.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/base/error.hpp"
#include "engine/run/study/uncertain.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::scenario_values;
using testing::AllOf;
using testing::HasSubstr;

/// A row of published figures as they are written: TFLOP/s in BF16 and FP8, GB, TB/s, W, GB/s both
/// ways, chips, chips, Gbit/s, links of a torus.
struct Published {
  const char* name;
  double peak, fp8, hbm, hbm_bandwidth, tdp, scale_up, domain, node, nic, links;
};
constexpr double gib_in_gb = 1.073741824;
const Published published[] = {
    {"A100", 312, 0, 80, 2.039, 400, 600, 8, 8, 200, 0},
    {"H100", 989.4, 1978.9, 80, 3.35, 700, 900, 8, 8, 400, 0},
    {"H200", 989.4, 1978.9, 141, 4.8, 700, 900, 8, 8, 400, 0},
    {"B200", 2250, 4500, 180, 7.7, 1000, 1800, 8, 8, 400, 0},
    {"GB200", 2500, 5000, 186, 8.0, 1200, 1800, 72, 4, 400, 0},
    {"B300", 2250, 4500, 270, 7.7, 1100, 1800, 8, 8, 800, 0},
    {"GB300", 2500, 5000, 279, 8.0, 1400, 1800, 72, 4, 800, 0},
    {"MI300X", 1307.4, 2614.9, 192, 5.3, 750, 896, 8, 8, 400, 0},
    // TPUs: the links are their scale-up; the hosts' network is shared by their chips.
    {"TPUv4", 275, 0, 32 * gib_in_gb, 1.2, 192, 600, 64, 4, 50, 6},
    {"TPUv5e", 197, 0, 16 * gib_in_gb, 0.81, 200, 400, 256, 8, 25, 4},
    {"TPUv5p", 459, 0, 95 * gib_in_gb, 2.765, 500, 1200, 64, 4, 50, 6},
    {"TPUv6e", 918, 0, 32 * gib_in_gb, 1.638, 300, 800, 256, 8, 100, 4},
    {"TPU7x", 2307, 4614, 192 * gib_in_gb, 7.38, 800, 1200, 64, 4, 100, 6},
};

TEST(ChipCatalogue, EqualsThePublishedFigures) {
  ASSERT_EQ(chip_catalogue().size(), std::size(published));
  for (std::size_t i = 0; i < std::size(published); ++i) {
    const Published& row = published[i];
    const Chip& chip = chip_catalogue()[i];
    SCOPED_TRACE(row.name);
    EXPECT_EQ(chip.name, row.name);
    EXPECT_DOUBLE_EQ(chip.peak, row.peak * 1e12);
    EXPECT_DOUBLE_EQ(chip.fp8_peak, row.fp8 * 1e12);
    EXPECT_DOUBLE_EQ(chip.hbm, row.hbm * 1e9);
    EXPECT_DOUBLE_EQ(chip.hbm_bandwidth, row.hbm_bandwidth * 1e12);
    EXPECT_DOUBLE_EQ(chip.tdp, row.tdp);
    EXPECT_DOUBLE_EQ(chip.scale_up_bandwidth, row.scale_up * 1e9 / 2);
    EXPECT_EQ(chip.scale_up_domain, row.domain);
    EXPECT_EQ(chip.node, row.node);
    EXPECT_DOUBLE_EQ(chip.injection_bandwidth, row.nic * 1e9 / 8);
    EXPECT_DOUBLE_EQ(chip.link_bandwidth * row.links, row.links > 0 ? chip.scale_up_bandwidth : 0);
    EXPECT_EQ(chip.stack, 1);
  }
}

/// Google Cloud's documentation: pods of v4, v5e, v6e and 7x, the largest job of v5p.
TEST(ChipCatalogue, LargestTori) {
  const std::map<std::string, std::pair<double, double>> largest{{"TPUv4", {16 * 16 * 16, 0}},
                                                                 {"TPUv5e", {16 * 16, 16}},
                                                                 {"TPUv5p", {16 * 16 * 24, 0}},
                                                                 {"TPUv6e", {16 * 16, 16}},
                                                                 {"TPU7x", {144 * 64, 0}}};
  for (const Chip& chip : chip_catalogue()) {
    const auto row = largest.find(chip.name);
    const auto [chips, side] = row == largest.end() ? std::pair{0.0, 0.0} : row->second;
    EXPECT_EQ(chip.largest_torus, chips) << chip.name;
    EXPECT_EQ(chip.flat_torus_side, side) << chip.name;
  }
}

TEST(ChipCatalogue, EveryRowHasASourceAndIsConsistent) {
  std::set<std::string> names;
  for (const Chip& chip : chip_catalogue()) {
    SCOPED_TRACE(chip.name);
    EXPECT_TRUE(names.insert(chip.name).second) << "named twice";
    EXPECT_GT(chip.source.size(), 20u);
    EXPECT_GT(chip.idle_power, 0);
    EXPECT_LT(chip.idle_power, chip.tdp);
    EXPECT_GE(chip.scale_up_bandwidth, chip.injection_bandwidth);
    EXPECT_GE(chip.scale_up_domain, chip.node);
  }
  EXPECT_GE(names.size(), 7u);
}

TEST(EngineParameters, EveryRowIsComplete) {
  std::set<std::string_view> keys;
  std::set<int> numbers;
  for (const Parameter& row : test::all_rows()) {
    SCOPED_TRACE(row.key);
    EXPECT_TRUE(keys.insert(row.key).second) << "key twice";
    EXPECT_TRUE(numbers.insert(row.number).second) << "number twice";
    EXPECT_GT(row.number, 0);
    EXPECT_FALSE(row.summary.empty());
    EXPECT_FALSE(row.source.empty());
    if (!row.default_text.empty()) {
      EXPECT_NO_THROW(parse_value(row, row.default_text, "."));
    }
  }
  EXPECT_GT(keys.size(), 60u);
}

TEST(FindChip, SectionOverridesTheCatalogue) {
  const Values values = scenario_values(R"(
    chip.H100.peak=500e12
    chip.H100.hbm=94GB
    chip.H100.hbm_bandwidth=4TB/s
    chip.H100.tdp=350W
    chip.H100.idle_power=40W
    chip.H100.scale_up_bandwidth=300GB/s
    chip.H100.scale_up_domain=4
    chip.H100.node=2
    chip.H100.injection_bandwidth=200Gbit/s
    chip.H100.stack=0.75)");
  const Chip chip = find_chip("H100", values);
  EXPECT_EQ(chip.peak, 500e12);
  EXPECT_EQ(chip.hbm, 94e9);
  EXPECT_EQ(chip.hbm_bandwidth, 4e12);
  EXPECT_EQ(chip.tdp, 350);
  EXPECT_EQ(chip.idle_power, 40);
  EXPECT_EQ(chip.scale_up_bandwidth, 300e9);
  EXPECT_EQ(chip.scale_up_domain, 4);
  EXPECT_EQ(chip.node, 2);
  EXPECT_EQ(chip.injection_bandwidth, 25e9);
  EXPECT_EQ(chip.stack, 0.75);
  // The others keep theirs, H100's namesakes too.
  EXPECT_EQ(find_chip("H200", values).peak, 989.4e12);
  EXPECT_EQ(find_chip("H100", scenario_values("chip.H1000.peak=1FLOP/s")).peak, 989.4e12);
}

TEST(FindChip, ANewGenerationNeedsItsPeak) {
  const Chip chip = find_chip("Rubin", scenario_values("chip.Rubin.peak=8e15\nchip.Rubin.node=4"));
  EXPECT_EQ(chip.name, "Rubin");
  EXPECT_EQ(chip.peak, 8e15);
  EXPECT_EQ(chip.node, 4);
  EXPECT_EQ(chip.hbm, 80e9);  // the rest is H100's
  EXPECT_THROW(find_chip("Rubin", scenario_values("chip.Rubin.node=4")), InputError);
}

TEST(FindChip, SuggestsTheNearestName) {
  const auto message = [](std::string_view name) -> std::string {
    try {
      find_chip(name, scenario_values(""));
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message("h100"), HasSubstr("did you mean H100?"));
  EXPECT_THAT(message("GB20"), HasSubstr("did you mean GB200?"));
  EXPECT_THAT(message("TPU4"), HasSubstr("did you mean TPUv4?"));
  EXPECT_THAT(message("Gaudi"), AllOf(HasSubstr("[chip.Gaudi]"), HasSubstr("TPUv5p")));
}

// ---- uncertain inputs

const std::string uncertain_lines = R"(
  job.kernel_efficiency=uniform(low=0.4, high=0.6)
  chip.H100.stack=lognormal(median=0.9, sigma=0.05)
  chip.H200.stack=lognormal(median=0.9, sigma=0.05)
  noise.spike_delay=exponential(mean=2ms))";

double drawn(const Values& values, const char* key, std::uint32_t trial, std::uint64_t seed = 5) {
  return draw_inputs(values, uncertain_inputs(values, test::all_rows()), seed, trial).real(key);
}

TEST(UncertainInputs, AreTheLawsOfRealParametersOnly) {
  std::vector<std::string> keys;
  for (const auto& input : uncertain_inputs(scenario_values(uncertain_lines), test::all_rows()))
    keys.push_back(input.key);
  EXPECT_THAT(keys, testing::UnorderedElementsAre("job.kernel_efficiency", "chip.H100.stack",
                                                  "chip.H200.stack"));
  EXPECT_TRUE(uncertain_inputs(scenario_values(""), test::all_rows()).empty());
}

TEST(UncertainInputs, AreQuantilesAtOneUniform) {
  const Values values = scenario_values(uncertain_lines);
  const auto inputs = uncertain_inputs(values, test::all_rows());
  ASSERT_EQ(inputs.size(), 3u);
  for (const auto& input : inputs)
    for (std::uint32_t trial = 0; trial < 20; ++trial) {
      const double u = Stream{5, purpose::uncertain_input, trial}.uniform(input.identity, 0);
      const auto& law = std::get<Distribution>(values.find(input.key)->data);
      EXPECT_EQ(drawn(values, input.key.c_str(), trial), law.quantile(u));
    }
  // What is no uncertain input stays; a law of events stays a law.
  const Values after = draw_inputs(values, inputs, 5, 0);
  EXPECT_EQ(after.law("noise.spike_delay").text(), values.law("noise.spike_delay").text());
  EXPECT_EQ(after.all().size(), values.all().size());
}

TEST(UncertainInputs, ArePairedOverDesignPoints) {
  const Values one = scenario_values(uncertain_lines);
  const Values other = scenario_values(
      join(uncertain_lines,
           "topology.kind=ring\njob.overlap=uniform(low=0, high=1)\nfleet.chips=B200:8"));
  int different = 0;
  for (std::uint32_t trial = 0; trial < 100; ++trial) {
    for (const char* key : {"job.kernel_efficiency", "chip.H100.stack", "chip.H200.stack"})
      EXPECT_EQ(drawn(one, key, trial), drawn(other, key, trial));
    // Trials, seeds, parameters and sections draw for themselves.
    different += drawn(one, "chip.H100.stack", trial) != drawn(one, "chip.H200.stack", trial);
    different += drawn(one, "chip.H100.stack", trial) != drawn(one, "chip.H100.stack", trial, 6);
    different += drawn(one, "chip.H100.stack", trial) != drawn(one, "chip.H100.stack", trial + 1);
  }
  EXPECT_EQ(different, 300);
}

// A law's uncertain parts are drawn as the reals are, each for itself; the law that follows has
// them as constants.
TEST(UncertainInputs, ReachIntoLaws) {
  const std::string lines = R"(
    noise.straggler_slowdown=uncertain(uniform(low=1, high=2))
    noise.spike_delay=mixture(1: exponential(mean=uncertain(uniform(low=1s, high=3s))), 1: 1s)
    noise.hop_jitter=lognormal(median=uncertain(exponential(1us)), sigma=uncertain(uniform(low=0, high=1)))
    noise.slow_link_factor=uniform(low=1, high=2))";
  const Values values = scenario_values(lines);
  const auto inputs = uncertain_inputs(values, test::all_rows());
  std::vector<std::string> names;
  for (const auto& input : inputs) names.push_back(input.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"noise.hop_jitter.median", "noise.hop_jitter.sigma",
                                      "noise.spike_delay.1.mean", "noise.straggler_slowdown"}));
  const auto number = [](const char* key) {
    return static_cast<std::uint64_t>(test::row_of(key).number) << 32;
  };
  for (std::uint32_t trial = 0; trial < 20; ++trial) {
    const Stream stream{5, purpose::uncertain_input, trial};
    const auto uniform = [&](const char* key, std::uint32_t place) {
      return stream.uniform(number(key), place);
    };
    const Values drawn = draw_inputs(values, inputs, 5, trial);
    const double slowdown = 1 + uniform("noise.straggler_slowdown", 0);
    EXPECT_TRUE(drawn.law("noise.straggler_slowdown").is_constant());
    EXPECT_EQ(drawn.law("noise.straggler_slowdown").mean(), slowdown);
    EXPECT_EQ(inputs[3].draw(5, trial), slowdown);
    const double mean = 1 + 2 * uniform("noise.spike_delay", 17);
    EXPECT_EQ(drawn.law("noise.spike_delay").mean(), 0.5 * mean + 0.5);
    EXPECT_DOUBLE_EQ(inputs[0].draw(5, trial), -1e-6 * std::log1p(-uniform("noise.hop_jitter", 1)));
    EXPECT_EQ(inputs[1].draw(5, trial), uniform("noise.hop_jitter", 2));
    EXPECT_DOUBLE_EQ(drawn.law("noise.hop_jitter").quantile(0.5), inputs[0].draw(5, trial));
    EXPECT_EQ(drawn.law("noise.slow_link_factor").text(),
              values.law("noise.slow_link_factor").text());
  }
  // That another part is uncertain too changes no draw.
  const Values fewer = scenario_values(
      "noise.hop_jitter=lognormal(median=1us, sigma=uncertain(uniform(low=0, high=1)))");
  const auto alone = uncertain_inputs(fewer, test::all_rows());
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_EQ(alone[0].draw(5, 3), inputs[1].draw(5, 3));
}

TEST(ComputePrecision, TakesTheFp8PeakOrSaysThatThereIsNone) {
  const auto scenario = [](const std::string& lines) {
    return scenario_from(scenario_values(lines), topology_kinds(), 1);
  };
  const std::string fp8 = "job.compute_precision=fp8\n";
  EXPECT_EQ(scenario("fleet.chips=H100:64").fleet.peak(), 64 * 989.4e12);
  EXPECT_EQ(scenario(fp8 + "fleet.chips=H100:64").fleet.peak(), 64 * 1978.9e12);
  EXPECT_EQ(scenario(fp8 + "fleet.chips=TPUv4:64\nchip.TPUv4.fp8_peak=300TFLOP/s").fleet.peak(),
            64 * 300e12);
  EXPECT_THAT([&] { scenario(fp8 + "fleet.chips=TPUv4:64"); },
              testing::ThrowsMessage<InputError>(HasSubstr("TPUv4 has no FP8 peak")));
}

TEST(FindChip, AnotherGenerationIsNoSlipOfThePen) {
  const auto meant = [](std::string_view name) { return meant_generation_of(name, Values()); };
  for (const char* name : {"H100 SXM", "H100-SXM5", "NVIDIA H100 80GB", "h100", "H1OO", "H100SXM"})
    EXPECT_EQ(meant(name), "H100") << name;
  EXPECT_EQ(meant("GB200-NVL72"), "GB200");
  EXPECT_EQ(meant("TPU v4"), "TPUv4");
  EXPECT_EQ(meant("v5p"), "TPUv5p");
  EXPECT_EQ(meant("TPU v6e"), "TPUv6e");
  EXPECT_EQ(meant("GB300 NVL72"), "GB300");
  for (const char* name : {"B100", "GH200", "H800", "H20", "A10", "TPUv3", "MI300A", "H100 PCIe",
                           "A100 40GB", "V100", "Gaudi3"})
    EXPECT_EQ(meant(name), "") << name;
  Values ours;
  ours.set("chip.Rubin.peak", Value{1e16, "1e+16FLOP/s"});
  EXPECT_EQ(meant_generation_of("rubin", ours), "Rubin");
}

// Greatest distance to the law's distribution function over 4,000 trials: above 2.69 / sqrt(4,000)
// with chance 1e-6 (Kolmogorov). Shifted by a twentieth it must be.
TEST(UncertainInputs, FollowTheirLaw) {
  const Values values = scenario_values(uncertain_lines);
  const auto& law = std::get<Distribution>(values.find("chip.H100.stack")->data);
  constexpr int trials = 4000;
  std::vector<double> sample;
  for (std::uint32_t trial = 0; trial < trials; ++trial)
    sample.push_back(drawn(values, "chip.H100.stack", trial));
  std::sort(sample.begin(), sample.end());
  const auto distance = [&](double scale) {
    double most = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const double p = law.cdf(scale * sample[i]), n = trials;
      most = std::max({most, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
    }
    return most * std::sqrt(static_cast<double>(trials));
  };
  EXPECT_LT(distance(1), 2.69);
  EXPECT_GT(distance(1.05), 2.69);
}

}  // namespace
}  // namespace lockstep
