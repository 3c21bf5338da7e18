#include <fmt/format.h>

#include "experiments/command.hpp"
#include "experiments/summary_table.hpp"
#include "experiments/unfinished_run.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

int run(const std::vector<std::string>& arguments) {
  const po::options_description options;
  const auto map = parse_arguments(summary_command, arguments, options, "file", 1);
  if (map.empty()) return done;
  const std::string path = map["file"].as<std::vector<std::string>>().front();
  refuse_unfinished(path);
  fmt::print("{}", summary_table(ResultFile(path)));
  return done;
}

}  // namespace

const Command summary_command{"summary", "FILE.h5",
                              "Prints a line of results per design point of a result file.", run};

}  // namespace lockstep
