// topology.mapping: its grammar, who sits where, and that the choice left open is never slower.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/base/error.hpp"
#include "tests/invariants/topology_rows.hpp"
#include "tests/unit/any_purpose.hpp"
#include "topologies/wiring/torus_candidates.hpp"
#include "topologies/wiring/torus_groups.hpp"

namespace lockstep::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(TorusMapping, ReadsWholeAndSharedSides) {
  struct Read {
    const char* text;
    Sides sides;
    std::int64_t tensor, pipeline;
    Sides tensor_ranks, stages;
  };
  for (const Read& r : std::vector<Read>{
           {"model, data, data", {16, 4, 8}, 8, 2, {8, 1, 1}, {2, 1, 1}},
           {"tensor, pipeline, data", {8, 16, 12}, 8, 16, {8, 1, 1}, {1, 16, 1}},
           {"model, model, data", {16, 8, 12}, 8, 16, {1, 8, 1}, {16, 1, 1}},
           {"model:4 data, data, data", {16, 16, 16}, 2, 2, {2, 1, 1}, {2, 1, 1}},
           {"data model:4,data,  tensor", {16, 16, 4}, 4, 4, {0, 0, 0}, {0, 0, 0}},
           {"tensor:2 pipeline, data, tensor:4 data", {8, 4, 8}, 8, 4, {2, 1, 4}, {4, 1, 1}},
           {"data, data, data", {4, 4, 4}, 1, 1, {1, 1, 1}, {1, 1, 1}},
           {"data:2 tensor, data, data", {4, 4, 4}, 2, 1, {2, 1, 1}, {1, 1, 1}}}) {
    const auto shape = TorusMapping(r.text).box(r.sides, r.tensor, r.pipeline);
    ASSERT_EQ(shape.has_value(), r.tensor_ranks[0] > 0) << r.text;
    if (!shape) continue;  // model and tensor on different sides
    EXPECT_EQ(shape->tensor, r.tensor_ranks) << r.text;
    EXPECT_EQ(shape->pipeline, r.stages) << r.text;
    const auto again =
        TorusMapping(mapping_text(*shape, r.tensor)).box(r.sides, r.tensor, r.pipeline);
    ASSERT_TRUE(again) << mapping_text(*shape, r.tensor);
    EXPECT_EQ(again->tensor, shape->tensor) << mapping_text(*shape, r.tensor);
    EXPECT_EQ(again->pipeline, shape->pipeline);
  }
}

TEST(TorusMapping, RefusesWithWhatToWrite) {
  struct Bad {
    const char *text, *reason;
  };
  for (const Bad& bad : std::vector<Bad>{
           {"model", "three sides"},
           {"model, data", "three sides"},
           {"model, data, ", "carries nothing"},
           {"modle, data, data", "did you mean model?"},
           {"data data, model, data", "twice on one side"},
           {"model data, data, data", "give the ranks of all but one"},
           {"model:0 data, data, data", "write for example model:4"},
           {"model:x data, data, data", "write for example model:4"},
           {"model tensor:2, data, data", "name either"},
           {"data, data, data", "write for example model:2 data, model:2 data, model:2 data"},
           {"model, data, data", "write for example model:2 data, model:2 data, model:2 data"},
           {"tensor:3 data, data, data", "topology.mapping"}}) {
    try {
      TorusMapping(bad.text).legal_box({16, 16, 16}, 4, 2);
      ADD_FAILURE() << "'" << bad.text << "' was taken";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr(bad.reason)) << bad.text;
    }
  }
}

/// Every chip has one place; tensor ranks are neighbours on lines of their own, stages follow.
TEST(TorusGroups, WhoSitsWhere) {
  TorusShape shape = *TorusMapping("tensor:2 pipeline:2 data, data, tensor").box({8, 3, 4}, 8, 2);
  shape.slices = 2;
  ASSERT_EQ(shape.volume(), 192);
  const std::int64_t replicas = 12;
  for (const GroupShape& groups : {GroupShape{replicas, 16}, GroupShape{8, 1}, GroupShape{2, 8}}) {
    const TorusGroups torus(shape, groups);
    std::set<TorusGroups::Place> places;
    for (std::int64_t group = 0; group < torus.count(); ++group)
      for (std::int64_t rank = 0; rank < groups.ranks; ++rank) {
        const auto place = torus.place(group, rank);
        EXPECT_EQ(torus.at(place), (std::pair{group, rank}));
        places.insert(place);
        for (std::size_t d = 0; d < 3; ++d) {  // the hop forward leads `span` chips on
          const std::int64_t next = torus.grid().neighbour(rank, d, false);
          if (torus.grid().place(d, rank) + 1 == torus.grid().sides[d]) continue;
          EXPECT_EQ(torus.place(group, next)[d], place[d] + torus.span(d));
        }
      }
    EXPECT_EQ(places.size(), 192u);
  }
  const TorusGroups data(shape, {replicas, 16}), tensor(shape, {8, 1}), pipeline(shape, {2, 8});
  EXPECT_THAT(data.grid().sides, ElementsAre(2, 3, 1, 2));
  EXPECT_THAT(tensor.grid().sides, ElementsAre(2, 1, 4, 1));
  EXPECT_THAT(pipeline.grid().sides, ElementsAre(2, 1, 1, 1));
  EXPECT_EQ(data.span(0), 4);
  EXPECT_EQ(tensor.span(0), 1);
  EXPECT_EQ(pipeline.span(0), 2);
  EXPECT_TRUE(tensor.ring(2));   // the whole side
  EXPECT_FALSE(tensor.ring(0));  // two of eight chips
  EXPECT_FALSE(pipeline.ring(0));
  EXPECT_TRUE(data.ring(0) && data.ring(1) && data.ring(slice_dimension));
  EXPECT_THROW(TorusGroups(shape, {5, 1}), InputError);
}

double time_of(const TopologyCase& c) {
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  return *std::max_element(finish.begin(), finish.end());
}

/// Shapes and boxes written down one by one, and some of them run.
TEST(TorusSearch, NeverSlowerThanWhatAUserCanName) {
  const Stream stream{20260312, any_purpose, 0};
  std::uint64_t draw = 0;
  const auto pick = [&](std::size_t count) {
    return static_cast<std::size_t>(stream.uniform(0, draw++) * static_cast<double>(count));
  };
  std::int64_t compared = 0, faster = 0;
  for (int number = 0; number < 30; ++number) {
    const bool optical = number % 2 == 0;
    const std::int64_t chips = optical ? 64 * (1 + static_cast<std::int64_t>(pick(40)))
                                       : 100 + static_cast<std::int64_t>(pick(1500));
    const std::int64_t model = std::int64_t{1} << pick(6);
    const double bytes = std::array{1e3, 1e6, 1e9}[pick(3)];
    const TopologyKind& kind = kind_named(optical ? "ocs_torus" : "torus");
    const Settings fleet{{"fleet.chips", fmt::format("TPUv4:{}", chips)}};
    std::optional<TopologyCase> open;
    try {
      open.emplace(kind, fleet, model, 1, bytes, no_settings);
    } catch (const InputError&) {
      continue;  // no torus divides
    }
    const double best = time_of(*open);
    const std::int64_t unit = optical ? 4 : 1;
    const Sides cubic = most_cubic_torus(chips, model, unit);
    std::vector<Settings> named;
    for (std::int64_t x = unit; x <= chips; x += unit)
      for (std::int64_t y = unit; x * y <= chips; y += unit)
        for (std::int64_t z = unit; x * y * z <= chips; z += unit) {
          if (optical ? x * y * z < 0.98 * static_cast<double>(cubic[0] * cubic[1] * cubic[2])
                      : Sides{x, y, z} != cubic)
            continue;
          for (std::int64_t a = 1; a <= model; a *= 2)
            for (std::int64_t b = 1; a * b <= model; b *= 2) {
              const Sides box{a, b, model / a / b};
              if (x % a != 0 || y % b != 0 || z % box[2] != 0) continue;
              TorusShape shape{.chips = {x, y, z}};
              fill_box(box, model, shape);
              named.push_back({{"topology.shape", fmt::format("{}x{}x{}", x, y, z)},
                               {"topology.mapping", mapping_text(shape, model)}});
            }
        }
    ASSERT_FALSE(named.empty()) << chips << ", " << model;
    for (int times = 0; times < 8; ++times) {
      const Settings& given = named[pick(named.size())];
      const TopologyCase c(kind, fleet, model, 1, bytes,
                           [&](std::int64_t, std::int64_t) { return given; });
      const double time = time_of(c);
      EXPECT_LE(best, time * (1 + 1e-9)) << c.name << " against " << open->name;
      ++compared;
      faster += best < 0.9 * time;
    }
  }
  EXPECT_GT(compared, 100);
  EXPECT_GT(faster, 20);
}

}  // namespace
}  // namespace lockstep::test
