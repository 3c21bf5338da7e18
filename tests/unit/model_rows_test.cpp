#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/money/money.hpp"
#include "engine/power/power.hpp"
#include "engine/reliability/reliability.hpp"
#include "engine/serving/serving.hpp"
#include "engine/training/sampling.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::scenario_values;

/// Every plain struct that rows are read into.
struct Structs {
  SamplingSettings sampling;
  Fleet fleet;
  Job job;
  Fabric fabric;
  Noise noise;
  Reliability reliability;
  Power power;
  Serving serving;
  Money money;
  bool operator==(const Structs&) const = default;
};

Structs structs_of(const Values& values) {
  return {sampling_from(values), fleet_from(values),   job_from(values),
          fabric_from(values),   noise_from(values),   reliability_from(values),
          power_from(values),    serving_from(values), money_from(values, fleet_from(values))};
}

// Every row has an effect beside these.
constexpr std::string_view base = R"(
  fleet.chips=H100:8
  fabric.hop_latency=1us
  fabric.hop_bandwidth=1GB/s
  reliability.failure_law=weibull
  job.experts=15
  job.sequence_length=6144
  job.pipeline=2
)";
// Replicas that share weights have a group, and speak in every step.
constexpr std::string_view sharded = "job.data_parallel=hsdp\njob.shard_group=2";

std::string key_of(const Parameter& row) {
  std::string key(row.key);
  if (key.starts_with("chip.*")) key.replace(5, 1, "H100");
  return key;
}

/// Texts of which some are values of the row that stand for others than the base's.
std::vector<std::string> other_texts(const Parameter& row) {
  std::vector<std::string> texts(row.words.begin(), row.words.end());
  if (row.type == ValueType::text) return {"H100:16", "H200"};
  for (const double value : {3.0, 0.5, 0.25, 1e10})
    texts.push_back(format_quantity(value, row.dimension));
  return texts;
}

/// Whether some value of the row changes some struct.
bool is_read(const Parameter& row) {
  Values values =
      scenario_values(row.key == "job.sync_every" ? std::string(base) : test::join(base, sharded));
  const Structs usual = structs_of(values);
  for (const std::string& text : other_texts(row)) try {
      values.set(key_of(row), parse_value(row, text, "."));
      if (!(structs_of(values) == usual)) return true;
    } catch (const InputError&) {
    }
  return false;
}

TEST(Rows, EachIsReadIntoAStruct) {
  int rows = 0;
  for (const auto table :
       {sampling_parameters(), fleet_parameters(), job_parameters(), fabric_parameters(),
        noise_parameters(), reliability_parameters(), failure_parameters(), power_parameters(),
        serving_parameters(), money_parameters(), chip_parameters()})
    for (const Parameter& row : table) {
      if (row.key == "fleet.inventory") continue;  // a file: model_inventory_test
      EXPECT_TRUE(is_read(row)) << row.key;
      ++rows;
    }
  EXPECT_GT(rows, 80);
}

TEST(Rows, OneThatNoStructKnowsIsFound) {
  EXPECT_FALSE(is_read(test::row_of("topology.kind")));
}

TEST(Rows, ReadingTwiceGivesTheSame) {
  EXPECT_TRUE(structs_of(scenario_values(base)) == structs_of(scenario_values(base)));
}

}  // namespace
}  // namespace lockstep
