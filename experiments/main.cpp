#include <fmt/format.h>
#include <malloc.h>

#include <cstdio>
#include <exception>
#include <system_error>

#include "engine/base/error.hpp"
#include "engine/base/notice.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/run/version.hpp"
#include "experiments/command.hpp"
#include "experiments/standard_streams.hpp"

namespace lockstep {
namespace {

void print_help() {
  fmt::print(
      "Lockstep {}: Monte Carlo studies of synchronous training on large fleets\n\n"
      "lockstep COMMAND [arguments]\n\n",
      program_version());
  for (const Command* command : commands())
    fmt::print("  {:<10} {}\n  {:<10}   {}\n", command->name, command->usage, "", command->summary);
  fmt::print(
      "\nlockstep COMMAND --help tells more. Start with\n"
      "  lockstep run experiments/studies/quickstart.ini\n");
}

int run_program(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    print_help();
    return bad_input;
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_help();
    return done;
  }
  if (name == "--version") {
    fmt::print("lockstep {} ({})\n", program_version(), git_commit());
    return done;
  }
  std::vector<std::string_view> names;
  for (const Command* command : commands()) {
    if (command->name == name) return command->run({arguments.begin() + 1, arguments.end()});
    names.push_back(command->name);
  }
  const std::string known = fmt::format("{}", fmt::join(names, ", "));
  names.insert(names.end(), {"--help", "--version"});
  const std::string nearest = nearest_name(name, names);
  throw InputError(
      fmt::format("no command {} (known: {}) {}", name, known,
                  nearest.empty() ? "see lockstep --help" : "did you mean " + nearest + "?"));
}

/// What planning and trials free they soon ask for again: to get it back from the system takes a
/// page fault for every 4 kB, up to a third of the time of planning a large group.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // as far as it may grow by itself
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

/// Runs the program to the last byte that it prints.
int run_and_print(const std::vector<std::string>& arguments) {
  hold_standard_streams();
  try {
    const int code = run_program(arguments);
    return finish_standard_output() ? code : failed;
  } catch (const std::system_error& error) {
    // fmt throws it in the middle of a table.
    if (!std::ferror(stdout)) throw;
    tell_unprinted(error.code().value());
    return failed;
  }
}

}  // namespace
}  // namespace lockstep

int main(int count, char** values) {
  using namespace lockstep;
  keep_freed_memory();
  try {
    return run_and_print({values + 1, values + count});
  } catch (const InputError& error) {
    for (const std::string& message : error.messages()) notice("lockstep: {}\n", message);
    return bad_input;
  } catch (const Interrupted& error) {
    notice("lockstep: {}\n", error.what());
    return interrupted;
  } catch (const std::exception& error) {
    notice("lockstep: {}\n", error.what());
    return failed;
  }
}
