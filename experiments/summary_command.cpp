#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/base/error.hpp"
#include "experiments/command.hpp"
#include "experiments/summary_table.hpp"
#include "experiments/unfinished_run.hpp"
#include "experiments/variable_summary.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

po::options_description summary_options() {
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  po::options_description options("What to show", help_width);
  options.add_options()(
      "variable", text("NAME"),
      "mean, p5, p50, p95, p99 and p99.9 of one variable of the file, each with its "
      "95 % interval; lockstep list metrics names them")(
      "compare", text("KEY=A,B"),
      "what value B of an axis has more than value A at the same trials (paired): mean, p50 and "
      "p99 of step_time, or of --variable")(
      "by", text("KEY"),
      "a table for each value of this axis; all other axes stay as rows, nothing is pooled")(
      "json", po::bool_switch(), "all digits, as JSON; every variable where none is named")(
      "csv", po::bool_switch(), "the same as CSV, a line per number");
  return options;
}

struct Request {
  std::vector<Variable> variables;  ///< empty: the default table
  std::optional<Comparison> comparison;
  std::optional<std::string> by;
  bool json, csv;
};

/// Reads the options against what the file has. Throws InputError.
Request read_request(const po::variables_map& map, const ResultSchema& schema) {
  Request request{{}, {}, {}, map["json"].as<bool>(), map["csv"].as<bool>()};
  if (request.json && request.csv)
    throw InputError("--json and --csv (one form is printed) leave one out");
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
  std::vector<std::string> names;
  for (const Variable& variable : schema.variables) names.push_back(variable.name);
  const auto take = [&](const std::string& name) {
    request.variables.push_back(
        schema.variables[find_named("--variable", "variable", name, names)]);
  };
  if (map.count("variable"))
    take(map["variable"].as<std::string>());
  else if (request.comparison)
    take("step_time");
  else if (request.json || request.csv)
    request.variables = schema.variables;
  return request;
}

void print_answers(const ResultFile& file, const Request& request) {
  std::vector<Answers> all;
  std::vector<std::string> warnings;
  for (const Variable& variable : request.variables) {
    all.push_back(request.comparison ? compare(file, variable, *request.comparison)
                                     : summarize_variable(file, variable));
    if (request.by) group_by(*request.by, all.back().rows);
    for (const std::string& warning : variance_warnings(file, variable))
      if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end())
        warnings.push_back(warning);
  }
  if (request.json) {
    fmt::print("{}", answers_json(file.schema(), all, warnings));
  } else if (request.csv) {
    fmt::print("{}", answers_csv(all));
    for (const std::string& warning : warnings) fmt::print(stderr, "{}\n", warning);
  } else {
    fmt::print("{}", answers_text(all.front(), request.by));
    for (const std::string& warning : warnings) fmt::print("{}\n", warning);
  }
}

int run(const std::vector<std::string>& arguments) {
  const auto map = parse_arguments(summary_command, arguments, summary_options(), "file", 1);
  if (map.empty()) return done;
  const std::string path = map["file"].as<std::vector<std::string>>().front();
  refuse_unfinished(path);
  const ResultFile file(path);
  const Request request = read_request(map, file.schema());
  if (request.variables.empty())
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
