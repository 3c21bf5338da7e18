#include <fmt/format.h>

#include "experiments/command.hpp"
#include "experiments/summary_table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

int run(const std::vector<std::string>& arguments) {
  const po::options_description options;
  const auto map = parse_arguments(summary_command, arguments, options, "file", 1);
  if (map.empty()) return done;
  fmt::print("{}", summary_table(ResultFile(map["file"].as<std::vector<std::string>>().front())));
  return done;
}

}  // namespace

const Command summary_command{"summary", "FILE.h5",
                              "Prints a line of results per design point of a result file.", run};

}  // namespace lockstep
