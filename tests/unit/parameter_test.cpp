#include "engine/base/parameter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

const Parameter latency{.key = "fabric.hop_latency", .dimension = Dimension::time};
const Parameter share{.key = "job.overlap", .maximum = 1};
const Parameter slowdown{
    .key = "noise.slowdown", .minimum = 1, .minimum_is_legal = false, .words = {"never"}};
const Parameter tensor{.key = "job.tensor",
                       .type = ValueType::count,
                       .minimum = 1,
                       .maximum = 1e9,
                       .shapes_arrays = true};
const Parameter channels{
    .key = "topology.channels", .type = ValueType::count, .minimum = 1, .words = {"auto"}};
const Parameter kind{
    .key = "topology.kind", .type = ValueType::choice, .words = {"ring", "tree", "ocs_torus"}};
const Parameter jitter{
    .key = "noise.hop_jitter", .type = ValueType::law, .dimension = Dimension::time};
const Parameter repair{.key = "reliability.repair_time",
                       .type = ValueType::law,
                       .dimension = Dimension::time,
                       .words = {"never"}};
const Parameter chips{.key = "fleet.chips", .type = ValueType::text};
const Parameter bytes{
    .key = "job.gradient_bytes", .dimension = Dimension::bytes, .shapes_arrays = true};

double number(const Value& value) {
  return std::get<double>(value.data);
}

TEST(Parameter, ReadsNumbers) {
  EXPECT_EQ(number(parse_value(latency, " 5us ", ".")), 5e-6);
  EXPECT_EQ(number(parse_value(latency, "0s", ".")), 0);
  EXPECT_EQ(number(parse_value(share, "1", ".")), 1);
  EXPECT_EQ(number(parse_value(tensor, "1e6", ".")), 1e6);
  EXPECT_EQ(number(parse_value(slowdown, "1.0000001", ".")), 1.0000001);
}

// What is real, or a round number beyond it, is legal; what could make a result infinite is not.
TEST(Parameter, RangesOfDimensionsMeanSomething) {
  const Parameter bandwidth{
      .key = "fabric.hop_bandwidth", .dimension = Dimension::bandwidth, .minimum_is_legal = false};
  const Parameter size{.key = "job.bytes", .dimension = Dimension::bytes};
  const Parameter rate{.key = "reliability.rate", .dimension = Dimension::rate};
  EXPECT_EQ(allowed_text(bandwidth), "1B/s .. 1e+18B/s");
  for (const auto& [row, text] : {std::pair(&latency, "1ns"),
                                  {&latency, "1e-300s"},
                                  {&latency, "1e6d"},
                                  {&jitter, "pareto(minimum=1ms, shape=1.1)"},
                                  {&size, "0B"},
                                  {&size, "1B"},
                                  {&size, "1e6TB"},
                                  {&rate, "0/d"},
                                  {&bandwidth, "1B/s"},
                                  {&bandwidth, "1e15B/s"}})
    EXPECT_NO_THROW(parse_value(*row, text, ".")) << text;
  for (const auto& [row, text] : {std::pair(&latency, "1e300s"),
                                  {&jitter, "1e300s"},
                                  {&jitter, "exponential(mean=1e17s)"},
                                  {&size, "1e300B"},
                                  {&rate, "1e300/s"},
                                  {&bandwidth, "0B/s"},
                                  {&bandwidth, "1e-307B/s"},
                                  {&bandwidth, "uniform(low=0B/s, high=1GB/s)"},
                                  {&bandwidth, "1e300B/s"}})
    EXPECT_THROW(parse_value(*row, text, "."), InputError) << text;
}

TEST(Parameter, EqualValuesHaveEqualCanonicalText) {
  EXPECT_EQ(parse_value(latency, "5us", ".").canonical, "5e-06s");
  EXPECT_EQ(parse_value(latency, "0.005ms", ".").canonical, "5e-06s");
  EXPECT_EQ(parse_value(latency, "constant(5us)", ".").canonical, "5e-06s");
  EXPECT_EQ(parse_value(latency, "-0s", ".").canonical, "0s");
  EXPECT_EQ(parse_value(tensor, "1e6", ".").canonical, "1000000");
  EXPECT_EQ(parse_value(tensor, "1000000", ".").canonical, "1000000");
  EXPECT_EQ(parse_value(jitter, "exponential(1ms)", ".").canonical, "exponential(mean=0.001s)");
  EXPECT_EQ(parse_value(jitter, "0s", ".").canonical, "none");
  EXPECT_EQ(parse_value(chips, " H100:512, GB200:512 ", ".").canonical, "H100:512, GB200:512");
}

TEST(Parameter, ReadsATimeInSteps) {
  const Parameter row{.key = "reliability.checkpoint_interval",
                      .dimension = Dimension::time,
                      .minimum_is_legal = false,
                      .words = {"optimal"},
                      .or_steps = true};
  Values values;
  const auto read = [&](std::string_view text) {
    values.set("k", parse_value(row, text, "."));
    return values.find("k")->canonical;
  };
  EXPECT_EQ(read(" 50 step"), "50step");
  EXPECT_EQ(values.optional_steps("k"), 50);
  EXPECT_EQ(values.optional_real("k"), std::nullopt);
  EXPECT_EQ(read("10min"), "600s");
  EXPECT_EQ(values.optional_steps("k"), std::nullopt);
  EXPECT_EQ(values.optional_real("k"), 600);
  EXPECT_EQ(read("optimal"), "optimal");
  EXPECT_EQ(values.optional_steps("k"), std::nullopt);
  for (const char* bad : {"0step", "-1step", "step", "0s", "50", "nanstep", "50steps", "5GB"})
    EXPECT_THROW(parse_value(row, bad, "."), InputError) << bad;
  EXPECT_THROW(parse_value(latency, "50step", "."), InputError);
}

TEST(Parameter, ReadsWordsAndChoices) {
  EXPECT_EQ(std::get<std::string>(parse_value(channels, "auto", ".").data), "auto");
  EXPECT_EQ(std::get<std::string>(parse_value(kind, "tree", ".").data), "tree");
  EXPECT_EQ(std::get<std::string>(parse_value(repair, "never", ".").data), "never");
  EXPECT_EQ(number(parse_value(channels, "2", ".")), 2);
}

TEST(Parameter, RealMayBeUncertain) {
  const Value value = parse_value(latency, "uniform(low=1us, high=3us)", ".");
  EXPECT_DOUBLE_EQ(std::get<Distribution>(value.data).mean(), 2e-6);
  EXPECT_EQ(value.canonical, "uniform(low=1e-06s, high=3e-06s)");
  EXPECT_TRUE(std::get<Distribution>(parse_value(jitter, "none", ".").data).is_none());
  EXPECT_FALSE(std::get<Distribution>(parse_value(repair, "exponential(1h)", ".").data).is_none());
}

TEST(Parameter, AllowedText) {
  EXPECT_EQ(allowed_text(share), "0 .. 1");
  EXPECT_EQ(allowed_text(latency), "0s .. 1e+13d");
  EXPECT_EQ(allowed_text(slowdown), "> 1, <= 1e+24 | never");
  EXPECT_EQ(allowed_text(tensor), "a whole number 1 .. 1e+09");
  EXPECT_EQ(allowed_text(channels), "a whole number 1 .. 9007199254740991 | auto");
  EXPECT_EQ(allowed_text(kind), "ring | tree | ocs_torus");
  EXPECT_EQ(allowed_text(jitter), "a law or value 0s .. 1e+13d");
  EXPECT_EQ(allowed_text(chips), "");
}

TEST(Parameter, RefusesWithValueRangeAndNearestWord) {
  struct Bad {
    const Parameter* row;
    const char* text;
    const char* part;
  };
  const Bad table[] = {
      {&latency, "", "is empty"},
      {&latency, "3", "'3' has no unit (a time is due) write one of these behind it: ns us"},
      {&latency, "-3us", "'-3us' is out of range (allowed: 0s .. 1e+13d)"},
      {&latency, "nan", "is not a number"},
      {&latency, "1e301s", "is out of range"},
      {&latency, "exponental(1us)", "did you mean exponential?"},
      {&share, "1.5",
       "'1.5' is out of range (a share is due, allowed: 0 .. 1) write 0.015 for 1.5 %"},
      {&share, "1.1", "write 0.011 for 1.1 %"},
      {&share, "150", "'150' is out of range (allowed: 0 .. 1)"},
      {&share, "exponential(mean=0.5)", "can reach 18."},
      {&share, "normal(mean=0.5, sd=0.1)", "can reach 1.3"},
      {&slowdown, "1", "'1' is out of range (allowed: > 1, <= 1e+24 | never)"},
      {&slowdown, "nevr", "did you mean never?"},
      {&tensor, "0", "out of range (allowed: a whole number 1 .. 1e+09)"},
      {&tensor, "10%", "is a share (a count is due) write how many; allowed: a whole number"},
      {&tensor, "1.5", "is not a whole number"},
      {&tensor, "8GB", "is not a bare number"},
      {&tensor, "1e17", "'1e17' is out of range (allowed: a whole number 1 .. 1e+09)"},
      {&tensor, "uniform(low=1, high=2)", "is not a number"},
      // 2^53 + 1 is no double: its neighbour is refused as well.
      {&channels, "9007199254740993", "is out of range"},
      {&channels, "9007199254740992", "is out of range"},
      {&channels, "atuo", "did you mean auto?"},
      {&kind, "rign", "did you mean ring?"},
      {&kind, "butterfly", "choose one of them"},
      {&kind, "3", "allowed: ring | tree | ocs_torus"},
      {&jitter, "exponential(mean=1)", "has no unit"},
      {&jitter, "-1us", "is negative"},
      {&repair, "nver", "did you mean never?"},
      {&bytes, "uniform(low=1GB, high=2GB)", "is a law (sizes depend on this parameter"},
  };
  for (const Bad& bad : table) {
    try {
      parse_value(*bad.row, bad.text, ".");
      ADD_FAILURE() << bad.row->key << " = " << bad.text << " was accepted";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(bad.part)) << bad.text;
    }
  }
}

Values some_values() {
  Values values;
  values.set("a.real", parse_value(latency, "5us", "."));
  values.set("a.uncertain", parse_value(latency, "uniform(low=1us, high=3us)", "."));
  values.set("a.count", parse_value(channels, "16", "."));
  values.set("a.word", parse_value(channels, "auto", "."));
  values.set("a.absent", Value{});
  values.set("a.law", parse_value(jitter, "exponential(1ms)", "."));
  return values;
}

TEST(Values, GivesEachType) {
  const Values values = some_values();
  EXPECT_EQ(values.real("a.real"), 5e-6);
  EXPECT_DOUBLE_EQ(values.real("a.uncertain"), 2e-6);
  EXPECT_EQ(values.count("a.count"), 16);
  EXPECT_EQ(values.optional_count("a.count"), 16);
  EXPECT_EQ(values.optional_count("a.word"), std::nullopt);
  EXPECT_EQ(values.optional_real("a.absent"), std::nullopt);
  EXPECT_EQ(values.optional_real("a.real"), 5e-6);
  EXPECT_EQ(values.text("a.word"), "auto");
  EXPECT_EQ(values.text("a.absent"), "");
  EXPECT_TRUE(values.is_word("a.word", "auto"));
  EXPECT_FALSE(values.is_word("a.word", "never"));
  EXPECT_FALSE(values.is_word("a.count", "auto"));
  EXPECT_EQ(values.law("a.law").mean(), 1e-3);
  EXPECT_TRUE(values.has("a.real"));
  EXPECT_FALSE(values.has("a.absent"));
  EXPECT_FALSE(values.has("chip.H100.peak"));
  EXPECT_EQ(values.optional_real("chip.H100.peak"), std::nullopt);
  EXPECT_EQ(values.all().size(), 6u);
}

TEST(ValuesDeathTest, AWrongKeyOrTypeAborts) {
  const Values values = some_values();
  EXPECT_DEATH(values.real("a.rael"), "'a.rael' is not declared");
  EXPECT_DEATH(values.real("a.word"), "has no number");
  EXPECT_DEATH(values.count("a.real"), "is not a count");
  EXPECT_DEATH(values.law("a.real"), "is not a law");
  EXPECT_DEATH(values.text("a.real"), "is not text");
}

}  // namespace
}  // namespace lockstep
