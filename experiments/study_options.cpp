#include "experiments/study_options.hpp"

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/simd.hpp"
#include "engine/base/text/text.hpp"
#include "engine/run/capabilities.hpp"
#include "experiments/command.hpp"
#include "experiments/study_file.hpp"
#include "topologies/table.hpp"

namespace lockstep {

namespace po = boost::program_options;

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
      overrides.push_back({std::string(trimmed(text.substr(0, equals))),
                           std::string(trimmed(text.substr(equals + 1))), "--set"});
    }
  for (const char* name : {"trials", "seed"})
    if (options.count(name))
      overrides.push_back({fmt::format("sampling.{}", name), options[name].as<std::string>(),
                           fmt::format("--{}", name)});
  return overrides;
}

Plan load_plan(const po::variables_map& options, const PointVisitor& visit) {
  simd_level();  // an unusable LOCKSTEP_SIMD is no fault of the study
  const std::vector<StudyEntry> overrides = read_overrides(options);
  const StudyText file = read_study(options["study"].as<std::vector<std::string>>().front());
  return make_plan(resolve_study(file, overrides, all_parameters()), all_parameters(),
                   topology_kinds(), capabilities(), visit);
}

}  // namespace lockstep
