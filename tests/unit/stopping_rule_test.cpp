#include "engine/run/convergence/stopping_rule.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "engine/base/error.hpp"
#include "engine/run/convergence/convergence.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "tests/unit/small_study.hpp"

namespace lockstep {
namespace {

using testing::HasSubstr;

constexpr double infinity = std::numeric_limits<double>::infinity();

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "nothing refused";
}

TEST(StoppingRule, IsReadAsWritten) {
  const StoppingRule share = parse_stopping_rule("p99( step_time )  within 1 %");
  EXPECT_EQ(share.statistic, "p99");
  EXPECT_EQ(share.variable, "step_time");
  EXPECT_TRUE(share.relative);
  EXPECT_EQ(share.width, 0.01);
  EXPECT_EQ(share.text, "p99(step_time) within 1%");
  const StoppingRule time = parse_stopping_rule("mean(step_time) within 5ms");
  EXPECT_FALSE(time.relative);
  EXPECT_EQ(time.width, 0.005);
  EXPECT_EQ(parse_stopping_rule("mean(step_time) within 0.005s").text, time.text);
  EXPECT_EQ(parse_stopping_rule("p50(mfu) within 0.002").width, 0.002);
}

TEST(StoppingRule, SaysWhatItCannotRead) {
  for (const char* text : {"", "1%", "p99 within 1%", "p99(step_time)", "p99(step_time) in 1%",
                           "p99() within 1%", "p99(x) or p50(x) within 1%", "@"})
    EXPECT_THAT(refusal([&] { parse_stopping_rule(text); }), HasSubstr("is no stopping rule"))
        << text;
  EXPECT_THAT(refusal([] { parse_stopping_rule("maen(x) within 1%"); }),
              HasSubstr("did you mean mean?"));
  EXPECT_THAT(refusal([] { parse_stopping_rule("p99(x) within 0%"); }), HasSubstr("out of range"));
  EXPECT_THAT(refusal([] { parse_stopping_rule("p99(x) within 1GB"); }), HasSubstr("unit"));
}

TEST(StoppingRule, FitsItsVariable) {
  const std::vector<Variable> variables{{"step_time", {"step"}, "s", ""}, {"mfu", {}, "1", ""}};
  const auto check = [&](const char* text) {
    return refusal([&] { check_stopping_rule(parse_stopping_rule(text), variables); });
  };
  EXPECT_EQ(check("p99(step_time) within 1%"), "nothing refused");
  EXPECT_EQ(check("p99(step_time) within 1ms"), "nothing refused");
  EXPECT_EQ(check("mean(mfu) within 0.001"), "nothing refused");
  EXPECT_THAT(check("mean(mfu) within 1ms"), HasSubstr("a bare number is due"));
  EXPECT_THAT(check("mean(step_time) within 0.1"), HasSubstr("a time is due"));
  EXPECT_THAT(check("mean(step_tme) within 1%"), HasSubstr("did you mean step_time?"));
}

TEST(StoppingRule, MeasuresTheFartherLimit) {
  const StoppingRule share = parse_stopping_rule("mean(x) within 10%");
  EXPECT_NEAR(share.excess({-10, -10.5, -9.8}), 0.5, 1e-12);
  EXPECT_EQ(share.excess({1, -infinity, infinity}), infinity);
  EXPECT_EQ(share.excess({1, 0.9, infinity}), infinity);
  EXPECT_EQ(share.excess({0, 0, 0}), 0);
  EXPECT_EQ(share.excess({0, -1, 1}), infinity);
  EXPECT_NEAR(parse_stopping_rule("mean(x) within 2").excess({10, 9, 14}), 2, 1e-12);
}

TEST(Looks, AreWholeBlocksAndGrowByAFourth) {
  EXPECT_EQ(first_look(100, 10000, 16), 112);
  EXPECT_EQ(first_look(100, 105, 16), 105);
  std::vector<std::int64_t> looks{first_look(100, 300, 16)};
  while (looks.back() < 300) looks.push_back(next_look(looks.back(), 300, 16));
  EXPECT_THAT(looks, testing::ElementsAre(112, 144, 192, 240, 300));
  EXPECT_EQ(next_look(1, 10, 1), 2);
}

TEST(Study, HoldsItsRule) {
  EXPECT_FALSE(resolve({}).until.has_value());
  const Lines lines{{"sampling.until", "p99(step_time) within 1%"}, {"sampling.max_trials", "500"}};
  const Study study = resolve(lines);
  EXPECT_EQ(study.until->text, "p99(step_time) within 1%");
  EXPECT_EQ(study.trials, 100);
  EXPECT_EQ(study.max_trials, 500);
  EXPECT_NE(study.study_id, resolve({}).study_id);
  EXPECT_NE(study.study_id,
            resolve(lines, {{"sampling.until", "p99(step_time) within 2%"}}).study_id);
  EXPECT_EQ(study.study_id,
            resolve(lines, {{"sampling.until", "p99(step_time) within 1.0 %"}}).study_id);
  EXPECT_FALSE(resolve(lines, {{"sampling.until", "none"}}).until.has_value());
  EXPECT_THAT(refusal([&] {
                resolve(lines, {{"sampling.trials", "501"}});
              }),
              HasSubstr("s.ini:2: sampling.max_trials = 500: fewer than sampling.trials"));
}

/// Blocks of two points with two generations: point 0 constant, point 1 of generation 1 noisy.
BlockResult block_of(const ResultSchema& schema, std::int64_t point, std::int64_t first) {
  BlockResult block;
  block.point = point;
  block.first_trial = first;
  block.trials = schema.block_trials;
  block.values.resize(2);
  for (std::int64_t t = first; t < first + block.trials; ++t) {
    block.values[0].push_back(-1);
    block.values[1].push_back(5);
    block.values[1].push_back(point == 0 ? std::nan("") : 5 + static_cast<double>(t % 5));
  }
  return block;
}

TEST(Convergence, IsThatOfTheWorstRow) {
  ResultSchema schema;
  schema.axes = {{"topology.kind", {"ring", "tree"}, {}, ""}};
  schema.trials = 1000;
  schema.block_trials = 4;
  schema.extents = {{"chip_generation", {"H100", "GB200"}, "chip generation"}};
  schema.variables = {{"mfu", {}, "1", ""}, {"x", {"chip_generation"}, "1", ""}};
  Convergence convergence(parse_stopping_rule("mean(x) within 0.5"), schema);
  for (std::int64_t first : {4, 0, 8})  // in any order
    for (std::int64_t point : {1, 0}) convergence.take(block_of(schema, point, first));
  std::vector<double> expected;
  for (int t = 0; t < 8; ++t) expected.push_back(5 + t % 5);
  const Estimate mean = mean_estimate(expected, {}, judged_level);
  EXPECT_NEAR(convergence.farthest(8).excess,
              std::max(mean.upper - mean.value, mean.value - mean.lower) / 0.5, 1e-12);
  EXPECT_EQ(convergence.farthest(8).point, 1u);
  EXPECT_LT(convergence.farthest(12).excess, convergence.farthest(8).excess);
}

TEST(Convergence, IsFarWhereNothingHasAValue) {
  ResultSchema schema;
  schema.trials = 8;
  schema.block_trials = 4;
  schema.variables = {{"mean_time_between_interruptions", {}, "s", ""}};
  Convergence convergence(parse_stopping_rule("mean(mean_time_between_interruptions) within 5%"),
                          schema);
  BlockResult block;
  block.trials = 4;
  block.values = {std::vector<double>(4, std::numeric_limits<double>::quiet_NaN())};
  convergence.take(block);
  EXPECT_EQ(convergence.farthest(4).excess, infinity);
}

}  // namespace
}  // namespace lockstep
