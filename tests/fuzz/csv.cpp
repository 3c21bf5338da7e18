// A CSV file is refused by InputError or read: as lines, as measured values of a law, as a fleet's
// inventory.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/base/distribution.hpp"
#include "engine/base/error.hpp"
#include "engine/base/text/csv.hpp"
#include "engine/machine/inventory.hpp"
#include "tests/fuzz/input_file.hpp"
#include "tests/unit/scenario_values.hpp"

namespace {

using namespace lockstep;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Calls `read`, which may refuse its input.
template <class Read>
void attempt(const Read& read) {
  try {
    read();
  } catch (const InputError& error) {
    require(!std::string_view(error.what()).empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Values values = test::scenario_values("");
  const auto path = fuzz::input_file("fuzz.csv", data, size);
  attempt([&] {
    int last = 0;
    read_csv_lines(read_csv_content(path), path, [&](const CsvLine& line) {
      require(line.number > last && !line.fields.empty());
      last = line.number;
    });
  });
  for (const Dimension dimension : {Dimension::time, Dimension::none})
    attempt([&] {
      const Distribution law = Distribution::parse("empirical(fuzz.csv)", dimension);
      require(law.quantile(0.25) <= law.quantile(0.75) && law.cdf(law.quantile(0.5)) >= 0.5);
    });
  attempt([&] {
    Fleet fleet;
    read_inventory(path.string(), "", values, fleet);
    require(!fleet.nodes.empty() && !fleet.generations.empty());
  });
  return 0;
}
