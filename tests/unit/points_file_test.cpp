// A plan from what planning found of the design points is the plan that found it; its file.

#include "engine/storage/points_file.hpp"

#include "engine/storage/files/durable_file.hpp"
#include "engine/storage/parts/block_checksum.hpp"
#include "engine/storage/result_layout.hpp"
#include "tests/unit/scenario_values.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace lockstep {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

/// Two jobs or one, power at half of the points, an input that is drawn.
Study study_of(const std::string& tensor = "2, 4") {
  StudyText text{.path = "x.ini", .directory = ".", .text = "", .entries = {}};
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"fleet.chips", "H100:64, GB200:36"},
           {"job.tokens_per_chip", "8192"},
           {"noise.step_jitter", "uniform(low=0, high=0.01)"},
           {"sampling.trials", "3"},
           {"sampling.block", "2"},
           {"sweep.job.work_share", "equal, isolated"},
           {"sweep.power.meter", "off, on"},
           {"sweep.job.tensor", tensor}})
    text.entries.push_back({key, value, "x.ini"});
  return resolve_study(text, {}, test::all_rows());
}

Plan planned(Study study) {
  return make_plan(std::move(study), test::all_rows(), topology_kinds(), capabilities());
}

Plan given(Study study, PlannedPoints points) {
  return plan_from(std::move(study), std::move(points), test::all_rows(), topology_kinds(),
                   capabilities());
}

class PointsFile : public StorageTest {
 protected:
  PlannedPoints points_ = [] {
    const Plan plan = planned(study_of());
    return PlannedPoints{plan.schema, plan.trial_costs};
  }();
  Identity ours_ = identity_of(schema_of(study_of()), {});
};

TEST_F(PointsFile, MakesTheSamePlan) {
  write_points_file(path("p.h5"), points_);
  const Plan known = planned(study_of());
  const Plan plan = given(study_of(), read_points_file(path("p.h5"), ours_));
  EXPECT_EQ(header_digest(plan.schema), header_digest(known.schema));
  EXPECT_EQ(plan.trial_costs, known.trial_costs);
  EXPECT_EQ(plan.input_keys, known.input_keys);
  EXPECT_EQ(plan.input_keys, std::vector<std::string>{"noise.step_jitter"});
  ASSERT_EQ(plan.schema.blocks(), 16);
  for (std::int64_t shard = 0; shard < 5; ++shard)
    EXPECT_EQ(plan.blocks_of({shard, 5}), known.blocks_of({shard, 5}));
  for (std::int64_t block = 0; block < 16; ++block) {
    const BlockResult one = plan.run_block(block, *plan.build(block / 2), 1);
    const BlockResult other = known.run_block(block, *known.build(block / 2), 1);
    EXPECT_EQ(block_checksum(one), block_checksum(other)) << block;
  }
}

// What is not among those that were planned, as on another machine, is said as planning says it.
TEST_F(PointsFile, AnImpossiblePointIsNamed) {
  const Plan plan = given(study_of("2, 1000"), points_);
  std::string all;
  try {
    planned(study_of("2, 1000"));
  } catch (const InputError& error) {
    all = error.what();
  }
  plan.build(0);
  const std::string one = input_error([&] { plan.build(1); });
  EXPECT_THAT(one, AllOf(StartsWith("x.ini: design point job.work_share=equal, power.meter=off, "
                                    "job.tensor=1000: "),
                         HasSubstr("job.tensor")));
  EXPECT_THAT(all, HasSubstr(one.substr(one.find("1000: ") + 6)));
}

TEST_F(PointsFile, OfAnotherProgramIsRefused) {
  PlannedPoints other = points_;
  other.schema.program_version = "0.0.1";
  write_points_file(path("version.h5"), other);
  EXPECT_THAT(input_error([&] { read_points_file(path("version.h5"), ours_); }),
              AllOf(HasSubstr("its program version is 0.0.1, here it is "),
                    EndsWith("write it again with lockstep describe --points")));
  other = points_;
  other.schema.git_commit = "elsewhere";
  write_points_file(path("commit.h5"), other);
  EXPECT_THAT(input_error([&] { read_points_file(path("commit.h5"), ours_); }),
              HasSubstr("its git commit is elsewhere, here it is "));
}

TEST_F(PointsFile, WhatItMustHaveIsMissed) {
  write_durably(path("costs.h5"), points_image(points_.schema));
  EXPECT_THAT(input_error([&] { read_points_file(path("costs.h5"), ours_); }),
              HasSubstr("is damaged (it has no costs of trials)"));
  PlannedPoints other = points_;
  other.trial_costs.front() = 0;
  write_points_file(path("cost.h5"), other);
  EXPECT_THAT(input_error([&] { read_points_file(path("cost.h5"), ours_); }),
              HasSubstr("is damaged (it has no such costs of trials)"));
  other = points_;
  other.schema.variables.front().name = "step_tim";
  EXPECT_THAT(input_error([&] { given(study_of(), other); }),
              HasSubstr("have step_tim (this program knows no such variable)"));
}

TEST_F(PointsFile, AnExistingFileIsLeft) {
  check_points_path(path("p.h5"));
  write_points_file(path("p.h5"), points_);
  EXPECT_THAT(input_error([&] { check_points_path(path("p.h5")); }),
              HasSubstr("p.h5 exists (nothing is overwritten)"));
}

}  // namespace
}  // namespace lockstep
