#include "experiments/study_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/base/simd.hpp"
#include "engine/base/text/text.hpp"
#include "engine/run/capabilities.hpp"
#include "engine/storage/points_file.hpp"
#include "experiments/command.hpp"
#include "experiments/study_file.hpp"
#include "topologies/table.hpp"

namespace lockstep {

namespace po = boost::program_options;

namespace {

/// Text of the command line as a line of a file could hold it: white space with a line end or a
/// tab in it is one space. Throws InputError for other control characters.
std::string one_line(std::string_view text, std::string_view what) {
  if (const auto reason = not_text(text))
    throw InputError(fmt::format("{}: no text ({}) write it in UTF-8 without control characters",
                                 what, *reason));
  constexpr std::string_view blanks = " \t\r\n";
  std::string line;
  for (text = trimmed(text); !text.empty();) {
    const std::size_t word = std::min(text.find_first_of(blanks), text.size());
    const std::size_t next = std::min(text.find_first_not_of(blanks, word), text.size());
    const std::string_view between = text.substr(word, next - word);
    line += text.substr(0, word);
    line += between.find_first_not_of(' ') == std::string_view::npos ? between : " ";
    text.remove_prefix(next);
  }
  return line;
}

StudyEntry override_entry(std::string_view key, std::string_view value, const std::string& origin) {
  std::string plain_key = one_line(key, origin);
  std::string plain_value = one_line(value, fmt::format("{} {}", origin, plain_key));
  return {std::move(plain_key), std::move(plain_value), origin};
}

}  // namespace

std::span<const Parameter> all_parameters() {
  static const std::vector<Parameter> rows = [] {
    std::vector<Parameter> all = engine_parameters(capabilities());
    all.insert(all.end(), topology_parameters().begin(), topology_parameters().end());
    return all;
  }();
  return rows;
}

po::options_description study_options() {
  po::options_description options("The study", help_width);
  options.add_options()("set",
                        po::value<std::vector<std::string>>()->composing()->value_name("K=V"),
                        "set a key of the study, e.g. --set job.tensor=8; may be repeated")(
      "trials", po::value<std::string>()->value_name("N"), "trials of each design point")(
      "seed", po::value<std::string>()->value_name("S"), "64-bit seed");
  return options;
}

std::vector<StudyEntry> read_overrides(const po::variables_map& options) {
  std::vector<StudyEntry> overrides;
  if (options.count("set"))
    for (const std::string& text : options["set"].as<std::vector<std::string>>()) {
      const auto equals = text.find('=');
      if (equals == std::string::npos || equals == 0)
        throw InputError(
            fmt::format("--set {} (KEY=VALUE is due) write for example --set "
                        "job.tensor=8",
                        text));
      const std::string_view whole = text;
      overrides.push_back(
          override_entry(whole.substr(0, equals), whole.substr(equals + 1), "--set"));
    }
  for (const char* name : {"trials", "seed"})
    if (options.count(name))
      overrides.push_back(override_entry(fmt::format("sampling.{}", name),
                                         options[name].as<std::string>(),
                                         fmt::format("--{}", name)));
  return overrides;
}

namespace {

Study load_study(const po::variables_map& options) {
  simd_level();  // an unusable LOCKSTEP_SIMD is no fault of the study
  const std::vector<StudyEntry> overrides = read_overrides(options);
  const StudyText file = read_study(options["study"].as<std::vector<std::string>>().front());
  return resolve_study(file, overrides, all_parameters());
}

}  // namespace

Plan load_plan(const po::variables_map& options, const PointVisitor& visit) {
  return make_plan(load_study(options), all_parameters(), topology_kinds(), capabilities(), visit);
}

Plan load_plan(const po::variables_map& options, const std::filesystem::path& points) {
  Study study = load_study(options);
  PlannedPoints found = read_points_file(points, identity_of(schema_of(study), {}));
  return plan_from(std::move(study), std::move(found), all_parameters(), topology_kinds(),
                   capabilities());
}

}  // namespace lockstep
