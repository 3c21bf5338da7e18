#include "engine/run/study/key_hints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/run/study/study_keys.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

std::string hint(std::string_view key, std::string_view value = "") {
  return key_hint(key, value, test::all_rows());
}

TEST(KeyHints, EveryAliasLeadsToAKeyAndHidesNone) {
  std::set<std::string_view> own, names;
  for (const Parameter& row : test::all_rows()) own.insert(row.key.substr(row.key.rfind('.') + 1));
  for (const KeyAlias& alias : key_aliases()) {
    SCOPED_TRACE(alias.name);
    EXPECT_TRUE(names.insert(alias.name).second);
    EXPECT_FALSE(own.contains(alias.name));
    EXPECT_EQ(alias.key.empty(), !alias.advice.empty());
    const bool known = std::any_of(test::all_rows().begin(), test::all_rows().end(),
                                   [&](const Parameter& row) { return row.key == alias.key; });
    EXPECT_EQ(known, !alias.key.empty());
    EXPECT_NE(hint(alias.name), hint("qqqqqq"));
  }
  EXPECT_GT(names.size(), 80u);
}

TEST(KeyHints, NameTheKeyThatIsMeant) {
  const std::array<std::array<const char*, 3>, 17> table{{
      {"job.tensr", "4", "did you mean job.tensor?"},
      {"noise.tensor", "4", "did you mean job.tensor?"},
      {"tp", "4", "did you mean job.tensor?"},
      {"x.tensorParallelSize", "4", "did you mean job.tensor?"},
      {"job.params", "8B", "write job.model_parameters = 8e9"},
      {"a.mtbf", "50d", "write reliability.node_failure_rate = 0.02/d"},
      {"a.mtbf", "0.02/d", "did you mean reliability.node_failure_rate?"},
      {"chip.X1.flops", "1e15", "did you mean chip.X1.peak?"},
      {"chip.X1.tflops", "989", "write chip.X1.peak = 989TFLOP/s"},
      {"H100.hbm", "80GB", "did you mean chip.H100.hbm?"},
      {"chip.peak", "1e15", "write peak under [chip.NAME], with the name of a generation"},
      {"fleet.H100", "24576", "write fleet.chips = H100:24576"},
      {"fleet.gb200", "720", "write fleet.chips = GB200:720"},
      {"fleet.H100", "some", "write fleet.chips = H100:COUNT"},
      {"fleet.gpus", "64",
       "fleet.chips names each generation and its chips, for example H100:1024"},
      {"chip.H1000.paek", "1e15", "did you mean chip.H1000.peak?"},
      {"wibble.wobble", "1", "see `lockstep list parameters` for every key"},
  }};
  for (const auto& [key, value, says] : table) EXPECT_EQ(hint(key, value), says) << key;
  EXPECT_THAT(hint("job.tensor\u00a0", "8"),
              testing::StartsWith("did you mean job.tensor? (a blank"));
}

}  // namespace
}  // namespace lockstep
