// A study's text is refused by InputError, a line for each problem, or resolved; and what is
// resolved once is resolved again to the same study.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "engine/base/error.hpp"
#include "engine/run/study/study.hpp"
#include "experiments/study_file.hpp"
#include "tests/unit/scenario_values.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lockstep;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const StudyText file = parse_study("fuzz.ini", text);
    const Study study = resolve_study(file, {}, test::all_rows());
    require(study.points.size() == study.point_names.size() && !study.points.empty());
    require(!study.resolved_text().empty());
    require(resolve_study(file, {}, test::all_rows()).study_id == study.study_id);
  } catch (const InputError& error) {
    for (const std::string& message : error.messages())
      require(!message.empty() && message.find('\n') == std::string::npos);
  }
  return 0;
}
