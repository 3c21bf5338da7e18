#include "engine/run/study/study.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/small_study.hpp"

namespace lockstep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::vector<std::string> problems(const Lines& lines, const Lines& sets = {}) {
  try {
    resolve(lines, sets);
  } catch (const InputError& error) {
    return error.messages();
  }
  return {};
}

const ResolvedParameter& parameter(const Study& study, const std::string& key) {
  const auto found = std::find_if(study.parameters.begin(), study.parameters.end(),
                                  [&](const ResolvedParameter& p) { return p.key == key; });
  if (found == study.parameters.end()) throw std::out_of_range(key);
  return *found;
}

TEST(SplitValues, SplitsOutsideParenthesesAndQuotes) {
  EXPECT_THAT(split_values("1"), ElementsAre("1"));
  EXPECT_THAT(split_values(" a ,b,  c d "), ElementsAre("a", "b", "c d"));
  EXPECT_THAT(split_values("lognormal(median=5us, sigma=0.3), none"),
              ElementsAre("lognormal(median=5us, sigma=0.3)", "none"));
  EXPECT_THAT(split_values("\"H100:512, GB200:512\", \"H100:1024\""),
              ElementsAre("H100:512, GB200:512", "H100:1024"));
  EXPECT_THAT(split_values("(1,1), (8, 16)"), ElementsAre("(1,1)", "(8, 16)"));
  EXPECT_THAT(split_values("((1,2),3),\"a ) b\""), ElementsAre("((1,2),3)", "a ) b"));
  EXPECT_THAT(split_values("empirical(\"a,b.csv\"), none"),
              ElementsAre("empirical(\"a,b.csv\")", "none"));
}

TEST(SplitValues, RefusesWhatIsNotClosedOrEmpty) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "value 1 is empty"},         {"1,,2", "value 2 is empty"}, {"1, 2,", "value 3 is empty"},
      {"\"\"", "value 1 is empty"},     {"(1, 2", "not closed"},      {"1)", "too many"},
      {"\"a, b", "quote is not closed"}};
  for (const auto& [text, fragment] : cases) {
    SCOPED_TRACE(text);
    try {
      split_values(text);
      ADD_FAILURE() << "accepted";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr(fragment));
    }
  }
}

TEST(Study, DefaultsAndOrigins) {
  const Study study = resolve({{"title", "\"A fleet, small\""}, {"job.tensor", "8"}});
  EXPECT_EQ(study.title, "A fleet, small");
  EXPECT_EQ(study.text, "verbatim");
  ASSERT_THAT(study.points, SizeIs(1));
  EXPECT_THAT(study.point_names, ElementsAre(""));
  EXPECT_THAT(study.axes, IsEmpty());
  EXPECT_EQ(study.points[0].count("job.tensor"), 8);
  EXPECT_EQ(study.points[0].count("job.pipeline"), 1);
  EXPECT_EQ(parameter(study, "job.tensor").origin, "s.ini:2");
  EXPECT_EQ(parameter(study, "job.tensor").text, "8");
  EXPECT_EQ(parameter(study, "job.pipeline").origin, "default");
  EXPECT_EQ(parameter(study, "job.pipeline").text, "1");
  EXPECT_FALSE(study.points[0].has("job.compute_time"));
  EXPECT_FALSE(study.points[0].has("fleet.chips"));
  EXPECT_TRUE(study.points[0].has("job.work_share"));
  // Every row but the starred ones, in the order of the rows.
  ASSERT_THAT(study.parameters, SizeIs(study_rows().size() - 2));
  EXPECT_EQ(study.parameters.front().key, "sampling.trials");
  EXPECT_EQ(study.parameters.back().key, "noise.hop_jitter");
}

TEST(Study, AnAxisKeepsTheBaseValueItReplaces) {
  const Study study =
      resolve({{"job.tensor", "8"}, {"sweep.job.tensor", "1, 2"}, {"sweep.job.pipeline", "1, 2"}});
  EXPECT_EQ(parameter(study, "job.tensor").replaced_text, "8");
  EXPECT_EQ(parameter(study, "job.tensor").replaced_place, "s.ini:1");
  EXPECT_EQ(parameter(study, "job.tensor").place, "s.ini:2");
  EXPECT_EQ(parameter(study, "job.pipeline").replaced_place, "") << "a default is nobody's word";
}

TEST(Study, QuotesAroundABaseValueAreDropped) {
  const Study study = resolve({{"fleet.chips", "\"H100:512, GB200:512\""}});
  EXPECT_EQ(study.points[0].text("fleet.chips"), "H100:512, GB200:512");
  EXPECT_EQ(parameter(study, "fleet.chips").text, "H100:512, GB200:512");
}

TEST(Study, Sampling) {
  const Study plain = resolve({});
  EXPECT_EQ(plain.trials, 100);
  EXPECT_EQ(plain.steps, 10);
  EXPECT_EQ(plain.warmup_steps, 2);
  EXPECT_EQ(plain.block_trials, 16);
  EXPECT_EQ(plain.seed, 1u);
  const Study study = resolve({{"sampling.trials", "1e3"},
                               {"sampling.steps", "5"},
                               {"sampling.warmup_steps", "0"},
                               {"sampling.block", "4"},
                               {"sampling.seed", "18446744073709551615"}});
  EXPECT_EQ(study.trials, 1000);
  EXPECT_EQ(study.steps, 5);
  EXPECT_EQ(study.warmup_steps, 0);
  EXPECT_EQ(study.block_trials, 4);
  EXPECT_EQ(study.seed, 18446744073709551615u);
  // 2^53 + 1: the first whole number that a double cannot hold.
  EXPECT_EQ(resolve({{"sampling.seed", "9007199254740993"}}).seed, 9007199254740993u);
}

TEST(Study, ChipSectionsAreResolvedEachOnItsOwn) {
  const Study study = resolve({{"chip.Own-2.peak", "2e15"}, {"chip.A.stack", "0.5"}});
  const Values& values = study.points[0];
  EXPECT_EQ(values.real("chip.Own-2.peak"), 2e15);
  EXPECT_EQ(values.real("chip.Own-2.stack"), 1);
  EXPECT_EQ(values.real("chip.A.stack"), 0.5);
  EXPECT_FALSE(values.has("chip.A.peak"));
  const auto first = std::find_if(study.parameters.begin(), study.parameters.end(),
                                  [](const auto& p) { return p.key.starts_with("chip."); });
  EXPECT_EQ(first[0].key, "chip.A.peak");
  EXPECT_EQ(first[1].key, "chip.A.stack");
  EXPECT_EQ(first[2].key, "chip.Own-2.peak");
  EXPECT_EQ(first[3].key, "chip.Own-2.stack");
  EXPECT_EQ(first[4].key, "job.tensor");
}

TEST(Study, FullGridLastAxisFastest) {
  const Study study = resolve({{"topology.kind", "tree"},
                               {"sweep.topology.kind", "ring, ocs_torus"},
                               {"sweep.job.compute_time", "1 ms, 2s, 0us"}});
  ASSERT_THAT(study.axes, SizeIs(2));
  EXPECT_EQ(study.axes[0].key, "topology.kind");
  EXPECT_THAT(study.axes[0].labels, ElementsAre("ring", "ocs_torus"));
  EXPECT_THAT(study.axes[0].numbers, IsEmpty());
  EXPECT_EQ(study.axes[0].units, "");
  EXPECT_THAT(study.axes[1].labels, ElementsAre("1 ms", "2s", "0us"));
  EXPECT_THAT(study.axes[1].numbers, ElementsAre(1e-3, 2, 0));
  EXPECT_EQ(study.axes[1].units, "s");
  ASSERT_THAT(study.points, SizeIs(6));
  EXPECT_EQ(study.point_names[0], "topology.kind=ring, job.compute_time=1 ms");
  EXPECT_EQ(study.point_names[4], "topology.kind=ocs_torus, job.compute_time=2s");
  EXPECT_EQ(study.points[4].text("topology.kind"), "ocs_torus");
  EXPECT_EQ(study.points[4].real("job.compute_time"), 2);
  EXPECT_EQ(parameter(study, "topology.kind").origin, "axis");
  EXPECT_EQ(parameter(study, "topology.kind").text, "ring, ocs_torus");
}

TEST(Study, AnAxisIsNumericOnlyWhenEveryValueIsANumber) {
  const Study study = resolve({{"sweep.job.tensor", "1, 8"},
                               {"sweep.fleet.chip_spread", "0, normal(mean=0.1, sd=0.01)"},
                               {"sweep.fabric.hop_latency", "auto, 1us"},
                               {"sweep.noise.hop_jitter", "1us, 2us"}});
  EXPECT_THAT(study.axes[0].numbers, ElementsAre(1, 8));
  EXPECT_EQ(study.axes[0].units, "1");
  EXPECT_THAT(study.axes[1].numbers, IsEmpty());
  EXPECT_THAT(study.axes[2].numbers, IsEmpty());
  EXPECT_THAT(study.axes[3].numbers, ElementsAre(1e-6, 2e-6));
  EXPECT_EQ(study.axes[3].units, "s");
}

TEST(Study, LinkedKeysFormOneAxis) {
  const Study study = resolve({{"sweep.( job.tensor,job.pipeline )", "(1,1), (8, 16)"},
                               {"sweep.(noise.hop_jitter, fleet.chips)",
                                "(normal(mean=1us, sd=1us), \"H100:8, A:4\"), (none, H100:8)"}});
  ASSERT_THAT(study.axes, SizeIs(2));
  EXPECT_EQ(study.axes[0].key, "job.tensor,job.pipeline");
  EXPECT_THAT(study.axes[0].labels, ElementsAre("(1,1)", "(8, 16)"));
  EXPECT_THAT(study.axes[0].numbers, IsEmpty());
  ASSERT_THAT(study.points, SizeIs(4));
  EXPECT_EQ(study.points[3].count("job.tensor"), 8);
  EXPECT_EQ(study.points[3].count("job.pipeline"), 16);
  EXPECT_TRUE(study.points[3].law("noise.hop_jitter").is_none());
  EXPECT_EQ(study.points[2].text("fleet.chips"), "H100:8, A:4");
  EXPECT_EQ(parameter(study, "job.pipeline").text, "1, 16");
  EXPECT_EQ(parameter(study, "noise.hop_jitter").text, "normal(mean=1us, sd=1us), none");
  EXPECT_EQ(parameter(study, "fleet.chips").text, "\"H100:8, A:4\", H100:8");
  EXPECT_THAT(study.point_names[3], HasSubstr("job.tensor=8, job.pipeline=16, "));
}

TEST(Study, AStarredKeyCanBeSwept) {
  const Study study = resolve({{"sweep.chip.MINE.peak", "1e15, 2e15"}});
  EXPECT_THAT(study.axes[0].numbers, ElementsAre(1e15, 2e15));
  EXPECT_EQ(study.points[1].real("chip.MINE.peak"), 2e15);
  EXPECT_EQ(study.points[1].real("chip.MINE.stack"), 1);
}

TEST(StudyOverrides, LaterWinsOverTheFile) {
  const Study study =
      resolve({{"job.tensor", "8"}}, {{"job.tensor", "2"}, {"job.tensor", "4"}, {"title", "T"}});
  EXPECT_EQ(study.points[0].count("job.tensor"), 4);
  EXPECT_EQ(parameter(study, "job.tensor").origin, "--set");
  EXPECT_EQ(study.title, "T");
  EXPECT_THAT(study.overrides,
              ElementsAre("--set job.tensor=2", "--set job.tensor=4", "--set title=T"));
}

TEST(StudyOverrides, AnOptionOfItsOwnIsReportedAsGiven) {
  const std::vector<StudyEntry> overrides{{"sampling.trials", "7", "--trials"}};
  const Study study = resolve_study(study_text({}), overrides, study_rows());
  EXPECT_EQ(study.trials, 7);
  EXPECT_EQ(parameter(study, "sampling.trials").origin, "--trials");
  EXPECT_THAT(study.overrides, ElementsAre("--trials 7"));
}

TEST(StudyOverrides, AReplacedValueIsNotRead) {
  EXPECT_EQ(resolve({{"job.tensor", "none"}}, {{"job.tensor", "4"}}).points[0].count("job.tensor"),
            4);
}

TEST(StudyOverrides, AValueReplacesTheAxis) {
  const Lines file{{"sweep.topology.kind", "ring, tree"}, {"sweep.job.tensor", "1, 8"}};
  const Study study = resolve(file, {{"topology.kind", "tree"}});
  ASSERT_THAT(study.axes, SizeIs(1));
  EXPECT_EQ(study.axes[0].key, "job.tensor");
  EXPECT_EQ(study.points[1].text("topology.kind"), "tree");
  EXPECT_EQ(parameter(study, "topology.kind").origin, "--set");
}

TEST(StudyOverrides, AnAxisIsMadeOrReplacedInItsPlace) {
  const Lines file{{"sweep.topology.kind", "ring, tree"}, {"sweep.job.tensor", "1, 8"}};
  const Study study = resolve(file, {{"sweep.topology.kind", "tree"}, {"sweep.job.pipeline", "2"}});
  ASSERT_THAT(study.axes, SizeIs(3));
  EXPECT_EQ(study.axes[0].key, "topology.kind");
  EXPECT_THAT(study.axes[0].labels, ElementsAre("tree"));
  EXPECT_EQ(study.axes[2].key, "job.pipeline");
}

TEST(StudyOverrides, LinkedKeysAreReplacedTogetherOrNotAtAll) {
  const Lines file{{"sweep.(job.tensor, job.pipeline)", "(1,1), (8,16)"}};
  const Study both = resolve(file, {{"job.tensor", "2"}, {"job.pipeline", "4"}});
  EXPECT_THAT(both.axes, IsEmpty());
  EXPECT_EQ(both.points[0].count("job.pipeline"), 4);
  const Study again =
      resolve(file, {{"job.tensor", "2"}, {"job.pipeline", "4"}, {"sweep.job.tensor", "1, 2, 3"}});
  EXPECT_THAT(again.points, SizeIs(3));
  const Study turned = resolve(file, {{"sweep.(job.pipeline,job.tensor)", "(2,4)"}});
  EXPECT_EQ(turned.axes[0].key, "job.pipeline,job.tensor");
  EXPECT_EQ(turned.points[0].count("job.tensor"), 4);
  EXPECT_THAT(problems(file, {{"job.tensor", "2"}}),
              ElementsAre(HasSubstr("--set: job.tensor = 2: one key of the axis at s.ini:1")));
  EXPECT_THAT(problems(file, {{"sweep.job.tensor", "2"}}),
              ElementsAre(HasSubstr("overlaps the axis at s.ini:1")));
}

struct BadInput {
  Lines lines;
  std::vector<std::string> fragments;  ///< of the one message
};

TEST(StudyProblems, EachMistakeIsNamed) {
  const std::string lambda = "\xCE\xBB";
  const std::vector<BadInput> cases{
      {{{"job.tensr", "8"}}, {"s.ini:1: job.tensr = 8: unknown key", "did you mean job.tensor?"}},
      {{{"job.kind", "ring"}}, {"unknown key", "did you mean topology.kind?"}},
      {{{"qqqqqq", "8"}}, {"unknown key", "lockstep list"}},
      {{{"chip.A.peek", "8"}}, {"unknown key", "did you mean chip.A.peak?"}},
      {{{"chip.A B.peak", "8"}}, {"unknown key"}},
      {{{"chip..peak", "8"}}, {"unknown key"}},
      {{{"sweep.topology.knd", "ring"}}, {"unknown key topology.knd", "topology.kind?"}},
      {{{"sweep.", "ring"}}, {"unknown key"}},
      {{{"job.tensor", "8"}, {"topology.kind", "tree"}, {"job.tensor", "4"}},
       {"s.ini:3: job.tensor = 4", "given twice", "first at s.ini:1"}},
      {{{"title", "a"}, {"title", "b"}}, {"s.ini:2: title = b", "first at s.ini:1"}},
      {{{"job.tensor", ""}}, {"s.ini:1: job.tensor = : no value"}},
      {{{"job.tensor", "0"}}, {"s.ini:1: job.tensor = 0: ", "1"}},
      {{{"job.tensor", "1.5"}}, {"job.tensor = 1.5: "}},
      {{{"fleet.chip_spread", "2"}}, {"fleet.chip_spread = 2: ", "0 .. 1"}},
      {{{"chip.A.peak", "0"}}, {"chip.A.peak = 0: ", "allowed: 1e-09 .. "}},
      {{{"job.compute_time", "3"}}, {"job.compute_time = 3: ", "ms"}},
      {{{"job.work_share", "equl"}}, {"job.work_share = equl: ", "equal", "isolated"}},
      {{{"noise.hop_jitter", "exponentail(mean=1ms)"}}, {"exponential"}},
      {{{"fleet.inventory", "no-such.csv"}}, {"'no-such.csv' cannot be read"}},
      {{{"sampling.seed", "-1"}}, {"not a seed", "18446744073709551615"}},
      {{{"sampling.seed", "1e3"}}, {"not a seed"}},
      {{{"sampling.seed", "18446744073709551616"}}, {"not a seed"}},
      {{{"sweep.sampling.trials", "1, 2"}}, {"sampling.trials cannot be swept"}},
      {{{"sweep.title", "a, b"}}, {"title cannot be swept"}},
      {{{"sweep.job.tensor", ""}}, {"sweep.job.tensor = : value 1 is empty"}},
      {{{"sweep.job.tensor", "1, 0"}}, {"s.ini:1: sweep.job.tensor = 0: "}},
      {{{"sweep.job.tensor", "1, (2"}}, {"not closed"}},
      {{{"sweep.job.compute_time", "1ms, 2ms, 1000us"}},
       {"sweep.job.compute_time = 1000us: a value twice", "'1ms'"}},
      {{{"sweep.(job.tensor, job.pipeline)", "(1,1), (2,2), (1, 1)"}}, {"= (1, 1): a value twice"}},
      {{{"sweep.(job.tensor, job.pipeline)", "(1,1), 2"}}, {"= 2: not a tuple"}},
      {{{"sweep.(job.tensor, job.pipeline)", "(1,1,1)"}}, {"3 values in the tuple"}},
      {{{"sweep.(job.tensor, job.pipeline)", "(1,)"}}, {"value 2 is empty"}},
      {{{"sweep.(job.tensor)", "(1)"}}, {"not a key to sweep"}},
      {{{"sweep.(job.tensor, job.tensor)", "(1,1)"}}, {"not a key to sweep"}},
      {{{"sweep.(job.tensor, job.pipeline", "(1,1)"}}, {"not a key to sweep"}},
      {{{"sweep.job.tensor, job.pipeline", "(1,1)"}}, {"not a key to sweep"}},
      {{{"sweep.job.tensor", "1"}, {"sweep.job.tensor", "2"}}, {"given twice"}},
      {{{"sweep.job.tensor", "1"}, {"sweep.(job.pipeline,job.tensor)", "(1,2)"}},
       {"s.ini:2", "given twice", "s.ini:1"}},
      {{{"job.work_share", std::string(71, 'x') + lambda}},
       {"job.work_share = " + std::string(71, 'x') + "...: "}},
  };
  for (const BadInput& bad : cases) {
    const std::vector<std::string> messages = problems(bad.lines);
    SCOPED_TRACE(testing::PrintToString(messages));
    ASSERT_THAT(messages, SizeIs(1));
    for (const std::string& fragment : bad.fragments) EXPECT_THAT(messages[0], HasSubstr(fragment));
    EXPECT_THAT(messages[0], HasSubstr(" ("));  // the grammar: problem (why) suggestion
    EXPECT_THAT(messages[0], Not(HasSubstr("\n")));
  }
}

TEST(StudyProblems, AllAreReportedInTheOrderOfTheLines) {
  EXPECT_THAT(problems({{"topology.kind", "rng"},
                        {"nonsense", "1"},
                        {"sweep.job.tensor", "0, -1"},
                        {"job.pipeline", "0"}}),
              ElementsAre(HasSubstr("s.ini:1: "), HasSubstr("s.ini:2: "),
                          HasSubstr("s.ini:3: sweep.job.tensor = 0"),
                          HasSubstr("s.ini:3: sweep.job.tensor = -1"), HasSubstr("s.ini:4: ")));
}

TEST(StudyProblems, AtMostFiveAreShown) {
  Lines lines;
  for (int i = 0; i < 8; ++i) lines.emplace_back("nonsense" + std::to_string(i), "1");
  const std::vector<std::string> messages = problems(lines);
  ASSERT_THAT(messages, SizeIs(6));
  EXPECT_EQ(messages[5], "... and 3 more");
  lines.resize(5);
  EXPECT_THAT(problems(lines), SizeIs(5));
}

TEST(StudyProblems, TheGridIsBounded) {
  std::string values = "1";
  for (int i = 2; i <= 128; ++i) values += ", " + std::to_string(i);
  const Lines largest{{"sweep.job.tensor", values}, {"sweep.job.pipeline", values}};
  EXPECT_EQ(static_cast<std::int64_t>(resolve(largest).points.size()), most_design_points);
  EXPECT_THAT(problems({{"sweep.job.tensor", values}, {"sweep.job.pipeline", values + ", 129"}}),
              ElementsAre(HasSubstr("more than 16384 design points")));
}

}  // namespace
}  // namespace lockstep
