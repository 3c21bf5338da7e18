#include "experiments/chosen_trial.hpp"

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/run/study/uncertain.hpp"
#include "engine/storage/result_reader.hpp"
#include "experiments/command.hpp"
#include "experiments/study_file.hpp"
#include "experiments/study_options.hpp"
#include "topologies/table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

/// The study behind a result file, with the overrides that it was run with. Throws InputError where
/// it resolves to another one today.
StudyText study_of_result(const std::string& path, const ResultSchema& schema,
                          std::vector<StudyEntry>& overrides) {
  StudyText text = parse_study(path, schema.study_text);
  const std::vector<StudyEntry> first = entries_of(schema.overrides);
  if (resolve_study(text, first, all_parameters()).study_id != schema.study_id)
    throw InputError(fmt::format(
        "{} holds another study than its text gives here (a CSV file that it reads changed or lies "
        "elsewhere, or another version wrote it) give the study itself",
        path));
  overrides.insert(overrides.begin(), first.begin(), first.end());
  return text;
}

Study read(const po::variables_map& map) {
  std::vector<StudyEntry> overrides = read_overrides(map);
  const std::string path = map["study"].as<std::vector<std::string>>().front();
  if (!path.ends_with(".h5")) return resolve_study(read_study(path), overrides, all_parameters());
  const ResultSchema schema = ResultFile(path).schema();
  const StudyText text = study_of_result(path, schema, overrides);
  Study study = resolve_study(text, overrides, all_parameters());
  if (!map.count("trials")) study.max_trials = schema.trials;  // as many as its rule let it have
  return study;
}

/// "0: topology.kind=ring, 1: topology.kind=tree": all where they are few, else both ends.
std::string points_named(const Study& study) {
  constexpr std::size_t most = 12;
  const std::size_t points = study.points.size();
  std::string named;
  for (std::size_t i = 0; i < points; ++i)
    if (points <= most || i < 2 || i + 1 == points)
      named += fmt::format("{}{}: {}", i ? ", " : "", i, study.point_names[i]);
    else if (i == 2)
      named += ", ...";
  return named;
}

std::size_t chosen_point(const po::variables_map& map, const Study& study) {
  const auto points = static_cast<std::int64_t>(study.points.size());
  if (map.count("point")) return static_cast<std::size_t>(read_whole(map, "point", 0, points - 1));
  if (points > 1)
    throw InputError(
        fmt::format("{} has {} design points ({}; one is due) choose by --point or --set",
                    study.path, points, points_named(study)));
  return 0;
}

}  // namespace

po::options_description trial_options(const char* title) {
  po::options_description options(title, help_width);
  options.add_options()("point", po::value<std::string>()->value_name("N"),
                        "design point, from 0 in the order of the summary (default: the only one)")(
      "trial", po::value<std::string>()->value_name("N")->default_value("0"),
      "trial of it, from 0");
  return options;
}

ChosenTrial chosen_trial(const po::variables_map& map) {
  ChosenTrial chosen;
  chosen.study = read(map);
  const Study& study = chosen.study;
  chosen.point = chosen_point(map, study);
  const std::int64_t trials = study.until ? study.max_trials : study.trials;
  chosen.trial = static_cast<std::uint32_t>(read_whole(map, "trial", 0, trials - 1));
  const Values& values = study.points[chosen.point];
  chosen.values =
      draw_inputs(values, uncertain_inputs(values, all_parameters()), study.seed, chosen.trial);
  return chosen;
}

}  // namespace lockstep
