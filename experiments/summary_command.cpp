#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>

#include "engine/base/error.hpp"
#include "engine/base/notice.hpp"
#include "engine/run/metrics.hpp"
#include "engine/run/study/study.hpp"
#include "experiments/command.hpp"
#include "experiments/describe/variance_warnings.hpp"
#include "experiments/summary/comparison.hpp"
#include "experiments/summary/summary_json.hpp"
#include "experiments/summary/summary_table.hpp"
#include "experiments/summary/variable_summary.hpp"
#include "experiments/unfinished_run.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

po::options_description summary_options() {
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  po::options_description options("What to show", help_width);
  options.add_options()(
      "variable", text("NAME[,NAME]"),
      "mean, p5, p50, p95, p99 and p99.9 of variables of the file, each with its 95 % interval; "
      "lockstep list metrics names them")(
      "compare", text("KEY=A,B"),
      "what value B of an axis has more than value A at the same trials (paired): mean, p50 and "
      "p99 of step_time, or of --variable")(
      "by", text("KEY"),
      "a table for each value of this axis; all other axes stay as rows, nothing is pooled")(
      "csv", po::bool_switch(), "all digits, as CSV, a line per number")(
      "json", po::bool_switch(),
      "all digits, as JSON (analysis/SUMMARY.md); every variable where none is named")(
      "points", text("N[,N]"), "with --json: of these design points only, by number from 0")(
      "pairs", text("A:B[,A:B]"),
      "with --json: what design point B has more than A, paired; A+C:B+D of means over several")(
      "distribution", po::bool_switch(),
      "with --json: shares and density of step_time or --variable")(
      "convergence", po::bool_switch(), "with --json: mean and p99 of the first trials of these")(
      "sensitivity", po::bool_switch(), "with --json: how these depend on uncertain inputs");
  return options;
}

constexpr const char* only_json[] = {"points", "pairs", "distribution", "convergence",
                                     "sensitivity"};

struct Request {
  std::vector<Variable> variables;  ///< empty: the default table
  std::optional<Comparison> comparison;
  std::optional<std::string> by;
  bool json, csv;
};

/// Throws InputError where options do not go together.
void check_options(const po::variables_map& map) {
  const bool json = map["json"].as<bool>();
  if (json && map["csv"].as<bool>())
    throw InputError("--json and --csv (one form is printed) leave one out");
  for (const char* name : only_json) {
    const bool given = map.count(name) != 0 && !map[name].defaulted();
    if (given && !json) throw InputError(fmt::format("--{} (only JSON has it) add --json", name));
  }
  if (map.count("pairs") && map.count("compare"))
    throw InputError("--pairs and --compare (both say what is compared) leave one out");
}

std::vector<std::string> names_of(std::span<const Variable> variables) {
  std::vector<std::string> names;
  for (const Variable& variable : variables) names.push_back(variable.name);
  return names;
}

/// Reads the options against what the file has. Throws InputError.
Request read_request(const po::variables_map& map, const ResultSchema& schema) {
  check_options(map);
  Request request{{}, {}, {}, map["json"].as<bool>(), map["csv"].as<bool>()};
  if (map.count("compare"))
    request.comparison = parse_comparison(map["compare"].as<std::string>(), schema.axes);
  if (map.count("by")) {
    std::vector<std::string> keys;
    for (const Axis& axis : schema.axes) keys.push_back(axis.key);
    request.by = keys[find_named("--by", "axis", map["by"].as<std::string>(), keys)];
    if (request.comparison && request.by == keys[request.comparison->axis])
      throw InputError(
          fmt::format("--by {} (--compare takes this axis away) choose another axis", *request.by));
  }
  const std::vector<Variable> known = known_variables(schema);
  const std::vector<std::string> names = names_of(known);
  if (map.count("variable"))
    for (const std::string& name : split_values(map["variable"].as<std::string>()))
      request.variables.push_back(known[find_named("--variable", "variable", name, names)]);
  else if (request.comparison)
    request.variables.push_back(known[find_named("--variable", "variable", "step_time", names)]);
  else if (request.json || request.csv)
    std::copy_if(known.begin(), known.end(), std::back_inserter(request.variables),
                 [](const Variable& variable) { return !is_course(variable.name); });
  return request;
}

std::vector<std::int64_t> all_points(const ResultSchema& schema) {
  std::vector<std::int64_t> points(static_cast<std::size_t>(schema.points()));
  std::iota(points.begin(), points.end(), std::int64_t{0});
  return points;
}

JsonRequest read_json_request(const po::variables_map& map, const Request& request,
                              const ResultSchema& schema) {
  JsonRequest asked;
  asked.variables = request.variables;
  asked.comparison = request.comparison;
  asked.looked_into = request.variables;
  if (!map.count("variable"))
    std::erase_if(asked.looked_into, [](const Variable& v) { return v.name != "step_time"; });
  asked.points = all_points(schema);
  if (map.count("points")) {
    std::vector<std::string> numbers;
    for (std::int64_t point : asked.points) numbers.push_back(fmt::format("{}", point));
    asked.points.clear();
    for (const std::string& number : split_values(map["points"].as<std::string>()))
      asked.points.push_back(
          static_cast<std::int64_t>(find_named("--points", "design point", number, numbers)));
  }
  if (map.count("pairs"))
    asked.pairs = parse_pairs(map["pairs"].as<std::string>(), schema.points());
  asked.distribution = map["distribution"].as<bool>();
  asked.convergence = map["convergence"].as<bool>();
  asked.sensitivity = map["sensitivity"].as<bool>();
  return asked;
}

std::vector<std::string> warnings_of(const ResultFile& file,
                                     const std::vector<Variable>& variables) {
  std::vector<std::string> warnings;
  for (const Variable& variable : variables)
    for (const std::string& warning : variance_warnings(file, variable))
      if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end())
        warnings.push_back(warning);
  return warnings;
}

void print_answers(const ResultFile& file, const Request& request) {
  std::vector<Answers> all;
  for (const Variable& variable : request.variables) {
    all.push_back(request.comparison
                      ? compare(file, variable, *request.comparison)
                      : summarize_variable(file, variable, all_points(file.schema())));
    if (request.by) group_by(*request.by, all.back().rows);
  }
  if (request.csv)
    fmt::print("{}", answers_csv(all));
  else
    for (const Answers& answers : all)
      fmt::print("{}{}", &answers == &all.front() ? "" : "\n", answers_text(answers, request.by));
  for (const std::string& warning : warnings_of(file, request.variables))
    if (request.csv)
      notice("{}\n", warning);
    else
      fmt::print("{}\n", warning);
}

int run(const std::vector<std::string>& arguments) {
  const auto map = parse_arguments(summary_command, arguments, summary_options(), "file", 1);
  if (map.empty()) return done;
  const std::string path = map["file"].as<std::vector<std::string>>().front();
  refuse_unfinished(path);
  const ResultFile file(path);
  const Request request = read_request(map, file.schema());
  if (request.json)
    fmt::print("{}", summary_json(file, read_json_request(map, request, file.schema()),
                                  warnings_of(file, request.variables)));
  else if (request.variables.empty())
    fmt::print("{}", summary_table(file, request.by));
  else
    print_answers(file, request);
  return done;
}

}  // namespace

const Command summary_command{"summary", "FILE.h5 [options]",
                              "Prints results per design point of a result file, and what they "
                              "differ by.",
                              run};

}  // namespace lockstep
