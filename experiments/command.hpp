#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/program_options.hpp>

namespace lockstep {

/// What the program ends with.
enum ExitCode : int { done = 0, failed = 1, bad_input = 2, interrupted = 75 };

/// Columns of a help text.
inline constexpr unsigned help_width = 100;

/// That a command may be asked to use.
inline constexpr int most_threads = 1024;

/// One command: a row of the table that main, help and tests read.
struct Command {
  std::string_view name;
  std::string_view usage;  ///< "STUDY.ini [-o FILE.h5] ..."
  std::string_view summary;
  /// Runs it with its own arguments; throws InputError, IoError, Interrupted.
  int (*run)(const std::vector<std::string>& arguments);
};

std::span<const Command* const> commands();

extern const Command run_command, describe_command, summary_command, merge_command, list_command,
    collective_command, timeline_command, plan_command, power_command;

/// Options of a command line. `visible` are shown by --help, which is always there; `positional`
/// names the option that takes the bare arguments, `most` how many (-1: any).
/// Returns an empty map after printing help. Throws InputError on what cannot be parsed.
boost::program_options::variables_map parse_arguments(
    const Command& command, const std::vector<std::string>& arguments,
    const boost::program_options::options_description& visible, const char* positional, int most);

/// The whole number that option `name`, which is there, gives. Throws InputError where it is none
/// or not from `least` to `most`.
std::int64_t read_whole(const boost::program_options::variables_map& map, const char* name,
                        std::int64_t least, std::int64_t most);

}  // namespace lockstep
