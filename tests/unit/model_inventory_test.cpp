#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/base/error.hpp"
#include "engine/base/sha256.hpp"
#include "engine/training/jobs.hpp"
#include "engine/training/trial/trial_chips.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::free_network;
using test::join;
using test::make_point;
using test::quiet;
using test::run_one;
using test::scenario_values;
using testing::AllOf;
using testing::DoubleEq;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* header = "node,generation,chips,relative_speed\n";

/// Writes the file; returns the line of a study that names it.
std::string inventory(const std::string& content, const std::string& name = "nodes.csv") {
  // A folder for each case: several run at once.
  const auto folder = std::filesystem::path(testing::TempDir()) / "lockstep_inventory_test" /
                      testing::UnitTest::GetInstance()->current_test_info()->name();
  std::filesystem::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary) << content;
  return "fleet.inventory=" + (folder / name).string();
}

/// `count` nodes, named after their generation from `first` on.
std::string nodes(const char* generation, int count, int chips, double speed = 1, int first = 0) {
  std::string lines;
  for (int i = 0; i < count; ++i)
    lines += fmt::format("{}-{},{},{},{}\n", generation, first + i, generation, chips, speed);
  return lines;
}

std::string refusal(const std::string& lines) {
  try {
    fleet_from(scenario_values(lines));
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Inventory, ReadsWhatTheFileSays) {
  const Fleet fleet =
      fleet_from(scenario_values(inventory("\xEF\xBB\xBF# measured in May\r\n\r\n"
                                           "rack , relative_speed,node,chips,generation\r\n"
                                           "r1, 0.97 , a, 8, H100 # slow\r\n"
                                           "  \n"
                                           "r1,1e0,b,1e0,GB200\n"
                                           "r2,1.02,c,7,H100")));
  ASSERT_THAT(fleet.generations, SizeIs(2));
  EXPECT_EQ(fleet.generations[0].chip.name, "H100");
  EXPECT_EQ(fleet.generations[0].chips, 15);
  EXPECT_EQ(fleet.generations[1].chips, 1);
  ASSERT_THAT(fleet.nodes, SizeIs(3));
  EXPECT_EQ(fleet.nodes[0].speed, 0.97);
  EXPECT_EQ(fleet.nodes[1].generation, 1);
  EXPECT_EQ(fleet.nodes[2].chips, 7);
  const Fleet counted = fleet_from(scenario_values("fleet.chips=H100:15, GB200:1"));
  EXPECT_EQ(fleet.generations[0].identity, counted.generations[0].identity);
  EXPECT_EQ(fleet.peak(), counted.peak());
}

TEST(Inventory, RefusesWhatIsNoneWithFileAndLine) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "names no node"},
      {header, "names no node"},
      {"node,generation,chips\na,H100,8\n", ".csv:1: there is no column relative_speed"},
      {"node,generation,chips,relativespeed\n", "is it the one called relativespeed?"},
      {"# note\n\nnode,chips,relative_speed\n", ".csv:3: there is no column generation"},
      {"node,node,generation,chips,relative_speed\n", ".csv:1: the column node stands twice"},
      {std::string(header) + "a,H100,8\n", ".csv:2: 3 values (the first line names 4"},
      {std::string(header) + "a,H100,8,1,\n", ".csv:2: 5 values"},
      {std::string(header) + "a,H100,8,1\n\n#\na,H100,8,1\n",
       ".csv:5: node a stands twice (first "
       "on line 2"},
      {std::string(header) + ",H100,8,1\n", ".csv:2: the node has no name"},
      {std::string(header) + "a,,8,1\n", ".csv:2: the node has no generation"},
      {std::string(header) + "a,H10,8,1\n", ".csv:2: unknown generation 'H10'"},
      {std::string(header) + "a,H10,8,1\n", "did you mean H100?"},
      {std::string(header) + "a,Frontier,8,1\n", "[chip.Frontier]"},
      {std::string(header) + "a,H100,0,1\n", ".csv:2: '0' chips (a whole number"},
      {std::string(header) + "a,H100,-8,1\n", ".csv:2: '-8' chips"},
      {std::string(header) + "a,H100,1.5,1\n", ".csv:2: '1.5' chips"},
      {std::string(header) + "a,H100,x,1\n", ".csv:2: 'x' chips"},
      {std::string(header) + "a,H100,nan,1\n", ".csv:2: 'nan' chips"},
      {std::string(header) + "a,H100,16777217,1\n", ".csv:2: '16777217' chips"},
      {std::string(header) + "a,H100,16777216,1\nb,H100,1,1\n", "adds up to 16777217"},
      {std::string(header) + "a,H100,8,0\n",
       ".csv:2: '0' is no relative_speed (a number from 1e-6"},
      {std::string(header) + "a,H100,8,-1\n", ".csv:2: '-1' is no relative_speed"},
      {std::string(header) + "a,H100,8,nan\n", ".csv:2: 'nan' is no relative_speed"},
      {std::string(header) + "a,H100,8,inf\n", ".csv:2: 'inf' is no relative_speed"},
      {std::string(header) + "a,H100,8,97%\n", ".csv:2: '97%' is no relative_speed"},
  };
  for (const auto& [content, fragment] : cases) {
    SCOPED_TRACE(content);
    EXPECT_THAT(refusal(inventory(content)),
                AllOf(HasSubstr("fleet.inventory"), HasSubstr(fragment)));
  }
  EXPECT_THAT(refusal("fleet.inventory=/none/nodes.csv"),
              AllOf(HasSubstr("fleet.inventory"), HasSubstr("'/none/nodes.csv' cannot be read")));
  EXPECT_THAT(refusal("fleet.inventory=nodes.txt"), HasSubstr("is no CSV file"));
  EXPECT_THAT(refusal(join("fleet.chips=H100:8", inventory(header + nodes("H100", 1, 8)))),
              AllOf(HasSubstr("fleet.inventory and fleet.chips are both given")));
  EXPECT_THAT(refusal(""), HasSubstr("fleet.chips is missing"));
}

TEST(Inventory, MayNotChangeUnderAStudy) {
  const std::string content = header + nodes("H100", 2, 8);
  const std::string line = inventory(content);
  Values values = scenario_values(line);
  const std::string path = values.text("fleet.inventory");
  values.set("fleet.inventory", Value{path, "csv:sha256=" + sha256_hex(content)});
  EXPECT_EQ(fleet_from(values).chips(), 16);
  inventory(header + nodes("H100", 3, 8));
  EXPECT_THROW(fleet_from(values), InputError);
}

// A fleet of full nodes and racks at speed 1 is the fleet that counts them, bit for bit.
TEST(Inventory, OfSpeedsOneIsTheCountedFleet) {
  const std::string measured =
      inventory(header + nodes("H100", 13, 8) + nodes("H200", 6, 8) + nodes("GB200", 36, 4));
  for (const char* placement : {"blocked", "interleaved", "random"})
    for (const char* share : {"equal", "proportional", "isolated"})
      for (const char* job : {"topology.kind=tree\njob.tensor=2\njob.pipeline=2",
                              "topology.kind=ring\nnoise.straggler_fraction=0.05"}) {
        const std::string lines = join(job, fmt::format("fleet.placement={}\njob.work_share={}\n"
                                                        "job.tokens_per_chip=65536\n"
                                                        "sampling.steps=3",
                                                        placement, share));
        SCOPED_TRACE(lines);
        const auto run = [&](const std::string& fleet) {
          return Jobs(scenario_values(join(lines, fleet)), topology_kinds(), {}, 5)
              .run_trial(2, 1)
              .training;
        };
        const TrialResult a = run(measured), b = run("fleet.chips=H100:104, H200:48, GB200:144");
        EXPECT_EQ(a.step_time, b.step_time);
        EXPECT_EQ(a.compute_time, b.compute_time);
        EXPECT_EQ(a.communication_time, b.communication_time);
        EXPECT_EQ(a.mfu, b.mfu);
        EXPECT_EQ(a.mfu_used, b.mfu_used);
        EXPECT_EQ(a.wait_fraction, b.wait_fraction);
        EXPECT_EQ(a.wait_fraction_by_generation, b.wait_fraction_by_generation);
        EXPECT_EQ(a.step_time_by_generation, b.step_time_by_generation);
        // A node 3 % slower is another fleet.
        const std::string slower =
            inventory(header + nodes("H100", 12, 8) + nodes("H100", 1, 8, 0.97, 12) +
                          nodes("H200", 6, 8) + nodes("GB200", 36, 4),
                      "slower.csv");
        EXPECT_NE(run(slower).wait_fraction, b.wait_fraction);
      }
}

struct Seat {
  int generation;
  std::uint32_t index;
  std::int32_t domain;
  double speed;
  bool operator==(const Seat&) const = default;
};

std::vector<Seat> seats(const std::string& lines) {
  const Placement p = place(fleet_from(scenario_values(lines)), 1);
  std::vector<Seat> all;
  for (std::size_t s = 0; s < p.index.size(); ++s)
    all.push_back({p.generation[s], p.index[s], p.domain[s], p.speed[s]});
  return all;
}

TEST(Inventory, BlockedIsTheOrderOfTheFile) {
  const auto all =
      seats(join("chip.A.peak=1e15\nchip.A.node=2\nchip.A.scale_up_domain=4\n"
                 "chip.B.peak=1e15\nchip.B.node=2\nchip.B.scale_up_domain=2",
                 inventory(std::string(header) + "b1,B,2,0.5\na1,A,2,0.6\nb2,B,1,0.7\n"
                                                 "a2,A,1,0.8\na3,A,2,0.9\nb3,B,2,1")));
  // a1 and a2, which lacks a chip, share a domain where a1 stands; a3 begins the next.
  const std::vector<Seat> expected{{0, 0, 0, 0.5}, {0, 1, 0, 0.5}, {1, 0, 1, 0.6}, {1, 1, 1, 0.6},
                                   {1, 2, 1, 0.8}, {0, 2, 2, 0.7}, {1, 3, 3, 0.9}, {1, 4, 3, 0.9},
                                   {0, 3, 4, 1},   {0, 4, 4, 1}};
  EXPECT_EQ(all, expected);
}

TEST(Inventory, OtherPlacementsMoveDomainsWithTheirSpeeds) {
  std::string lines = header;
  for (int i = 0; i < 40; ++i)
    lines += fmt::format("n{},{},8,{}\n", i, i % 4 == 0 ? "H200" : "H100", 1 + 0.001 * i);
  const std::string file = inventory(lines);
  std::map<std::pair<int, std::uint32_t>, double> speed;
  for (const Seat& seat : seats(file)) speed[{seat.generation, seat.index}] = seat.speed;
  EXPECT_THAT(speed, SizeIs(320));
  for (const char* placement : {"interleaved", "random"}) {
    SCOPED_TRACE(placement);
    const auto moved = seats(join(file, fmt::format("fleet.placement={}", placement)));
    ASSERT_THAT(moved, SizeIs(320));
    EXPECT_NE(moved, seats(file));
    for (const Seat& seat : moved)
      EXPECT_EQ(seat.speed, (speed.at({seat.generation, seat.index}))) << seat.index;
    for (std::size_t s = 0; s < moved.size(); ++s)
      EXPECT_EQ(moved[s].domain, static_cast<std::int32_t>(s / 8));
  }
}

TEST(Inventory, ALineOfManyChipsStandsForSeveralNodes) {
  const std::string one = inventory(header + nodes("GB200", 1, 148) + nodes("H100", 1, 20));
  const std::string many = inventory(
      header + nodes("GB200", 37, 4) + nodes("H100", 2, 8) + nodes("H100", 1, 4, 1, 2), "many.csv");
  EXPECT_EQ(seats(one), seats(many));
}

TEST(Inventory, RelativeSpeedMultipliesTheChips) {
  const std::string file =
      inventory(header + nodes("H100", 4, 8, 0.8) + nodes("H100", 4, 8, 1.25, 4));
  const auto measured = make_point(join(file, "noise.straggler_fraction=0.1"));
  const auto counted = make_point("fleet.chips=H100:64\nnoise.straggler_fraction=0.1");
  const TrialChips slow = draw_chips(*measured, 1), usual = draw_chips(*counted, 1);
  for (std::size_t i = 0; i < 64; ++i)
    EXPECT_NEAR(slow.compute[i] * (i < 32 ? 0.8 : 1.25), usual.compute[i], 1e-12) << i;
  // Equal shares go at the slowest chip's pace; the peak is the generation's.
  const TrialResult result = run_one(join(quiet, free_network, file));
  EXPECT_NEAR(result.mfu, test::default_efficiency() * 0.8, 1e-9);
  EXPECT_NEAR(result.wait_fraction, 1 - (1 + 0.8 / 1.25) / 2, 1e-9);
  // compute_time is that of a chip at speed 1.
  EXPECT_NEAR(run_one(join(quiet, free_network, file, "job.compute_time=1s")).compute_time[0], 1.25,
              1e-12);
}

TEST(Inventory, ProportionalSharesKnowTheRelativeSpeeds) {
  const std::string file =
      inventory(header + nodes("H100", 1, 8, 0.5) + nodes("H100", 2, 8, 1.5, 1));
  const std::string lines = join(quiet, free_network, file, "job.work_share=proportional");
  // All finish together, at the mean speed: one sequence and three.
  const TrialResult plain = run_one(join(lines, "job.sequence_length=1\njob.tokens_per_batch=56"));
  EXPECT_NEAR(plain.wait_fraction, 0, 1e-9);
  EXPECT_NEAR(plain.mfu, test::default_efficiency() * (0.5 + 2 * 1.5) / 3, 1e-9);
  const auto piped =
      make_point(join(lines,
                      "job.tensor=4\njob.pipeline=2\n"
                      "job.stage_imbalance=0\njob.sequence_length=1\njob.tokens_per_batch=70"));
  EXPECT_THAT(piped->work().microbatches, ElementsAre(10, 30, 30));
  EXPECT_THAT(piped->work().chip_time, Each(DoubleEq(piped->work().chip_time[0])));
  // A replica is as fast as its slowest chip: 16 chips, eight at 0.5 and eight at 1.5.
  const auto mixed = make_point(join(lines,
                                     "job.tensor=4\njob.pipeline=3\n"
                                     "job.sequence_length=1\njob.tokens_per_batch=80"));
  EXPECT_THAT(mixed->work().microbatches, ElementsAre(20, 60));
}

TEST(Inventory, IsolatedJobsKeepTheirNodes) {
  std::string lines = header;
  for (int i = 0; i < 8; ++i)
    lines += fmt::format("h{},H100,8,{}\ng{},GB200,4,{}\n", i, 1 - 0.01 * i, i, 1 + 0.01 * i);
  const std::string all = join(quiet, free_network, "job.work_share=isolated");
  const Values values = scenario_values(join(all, inventory(lines)));
  const Jobs jobs(values, topology_kinds(), {}, 1);
  ASSERT_EQ(jobs.all().size(), 2u);
  EXPECT_EQ(jobs.fleet().chips(), 96);
  EXPECT_THAT(jobs.all()[0]->scenario().fleet.nodes, SizeIs(8));
  EXPECT_EQ(jobs.all()[1]->scenario().fleet.generations[0].chip.name, "GB200");
  EXPECT_EQ(jobs.all()[1]->layout().speed[31], 1.07);
  // Each at the pace of its own slowest node.
  const TrialResult together = jobs.run_trial(0, 1).training;
  const double token = 6 * (405e9 - 128256.0 * 16384) + 12.0 * 126 * 16384 * 8192;
  const double one = 8192 * token / test::default_efficiency();
  EXPECT_NEAR(together.step_time_by_generation[0], one / 989.4e12 / 0.93, 1e-9);
  EXPECT_NEAR(together.step_time_by_generation[1], one / 2500e12, 1e-9);
}

}  // namespace
}  // namespace lockstep
