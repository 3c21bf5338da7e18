#include "engine/run/study/study.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/unit/small_study.hpp"

namespace lockstep {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

TEST(StudyId, SpellingAndOrderOfLinesDoNotMatter) {
  const std::string id = resolve({{"job.compute_time", "1ms"},
                                  {"chip.A.peak", "1e15"},
                                  {"chip.B.peak", "2e15"},
                                  {"noise.hop_jitter", "normal(mean=1us, sd=2us)"},
                                  {"sweep.job.tensor", "1, 8"}})
                             .study_id;
  EXPECT_THAT(id, SizeIs(64));
  EXPECT_EQ(id, resolve({{"sweep.job.tensor", "1,8.0"},
                         {"noise.hop_jitter", "normal( sd=2000ns,mean=1us )"},
                         {"chip.B.peak", "2000e12"},
                         {"job.compute_time", "1000 us"},
                         {"job.pipeline", "1"},
                         {"chip.A.peak", "1e15"}})
                    .study_id);
}

TEST(StudyId, TitleAndSeedDoNotMatter) {
  const Study study = resolve({{"title", "A"}, {"sampling.seed", "5"}});
  EXPECT_EQ(study.study_id, resolve({}).study_id);
  EXPECT_THAT(study.resolved_text(), HasSubstr("sampling.seed = 5\n"));
  EXPECT_THAT(study.resolved_text(), Not(HasSubstr("title")));
}

TEST(StudyId, EveryOtherValueMatters) {
  const Lines changes{{"sampling.trials", "101"},
                      {"sampling.steps", "11"},
                      {"sampling.block", "8"},
                      {"fleet.chips", "H100:8"},
                      {"chip.A.stack", "1"},
                      {"job.tensor", "2"},
                      {"job.compute_time", "1ms"},
                      {"job.work_share", "isolated"},
                      {"fabric.hop_latency", "1us"},
                      {"noise.hop_jitter", "exponential(mean=1us)"},
                      {"sweep.topology.kind", "ring"},
                      {"sweep.topology.kind", "ring, tree"},
                      {"sweep.topology.kind", "tree, ring"},
                      {"sweep.fleet.chips", "\"A:1, B:2\", C:3"},
                      {"sweep.fleet.chips", "A:1, \"B:2, C:3\""},
                      {"sweep.(job.tensor, job.pipeline)", "(1,1), (2,2)"},
                      {"sweep.(job.pipeline, job.tensor)", "(1,1), (2,2)"}};
  std::vector<std::string> ids{resolve({}).study_id};
  for (const auto& change : changes) ids.push_back(resolve({change}).study_id);
  ids.push_back(resolve({{"sweep.job.tensor", "1,2"}, {"sweep.job.pipeline", "1,2"}}).study_id);
  ids.push_back(resolve({{"sweep.job.pipeline", "1,2"}, {"sweep.job.tensor", "1,2"}}).study_id);
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST(StudyId, OverridesCountAsIfWritten) {
  EXPECT_EQ(resolve({{"job.tensor", "8"}}, {{"job.tensor", "4"}}).study_id,
            resolve({{"job.tensor", "4"}}).study_id);
}

TEST(StudyId, StandsForTheContentOfACsvNotForItsPlace) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "lockstep_study_csv";
  const auto id = [&](const std::string& subfolder, const std::string& content) {
    std::filesystem::create_directories(folder / subfolder);
    std::ofstream(folder / subfolder / "nodes.csv") << content;
    const StudyText file = study_text({{"fleet.inventory", "nodes.csv"}}, folder / subfolder);
    const Study study = resolve_study(file, {}, study_rows());
    EXPECT_EQ(study.points[0].text("fleet.inventory"), folder / subfolder / "nodes.csv");
    return study.study_id;
  };
  const std::string first = id("a", "node,generation\n1,H100\n");
  EXPECT_EQ(first, id("b", "node,generation\n1,H100\n"));
  EXPECT_NE(first, id("b", "node,generation\n1,H200\n"));
  std::filesystem::remove_all(folder);
}

TEST(Study, ResolvedTextListsEveryParameterAndAxis) {
  const Study study = resolve({{"fleet.chips", "A:8"},
                               {"job.tensor", "2"},
                               {"sweep.fleet.chips", "\"A:1, B:2\", C:3"},
                               {"sweep.(job.tensor, topology.kind)", "(1, ring), (8, tree)"}});
  const std::string text = study.resolved_text();
  EXPECT_THAT(text, HasSubstr("sampling.trials = 100\n"));
  EXPECT_THAT(text, HasSubstr("fleet.inventory =\n"));
  EXPECT_THAT(text, Not(HasSubstr("\njob.tensor")));
  EXPECT_THAT(text, HasSubstr("\nsweep.fleet.chips = \"A:1, B:2\", C:3\n"
                              "sweep.(job.tensor,topology.kind) = (1, ring), (8, tree)\n"));
}

}  // namespace
}  // namespace lockstep
