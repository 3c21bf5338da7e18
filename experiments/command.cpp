#include "experiments/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iostream>

#include "engine/base/error.hpp"
#include "engine/base/text/nearest.hpp"

namespace lockstep {

namespace po = boost::program_options;

std::span<const Command* const> commands() {
  static const std::array rows{&run_command,      &describe_command, &summary_command,
                               &merge_command,    &list_command,     &collective_command,
                               &timeline_command, &plan_command,     &power_command};
  return rows;
}

namespace {

std::string nearest_option(const std::string& name, const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back(option->long_name());
  const std::vector<std::string_view> known(names.begin(), names.end());
  return nearest_name(name, known);
}

}  // namespace

po::variables_map parse_arguments(const Command& command, const std::vector<std::string>& arguments,
                                  const po::options_description& visible, const char* positional,
                                  int most) {
  po::options_description all;
  all.add(visible).add_options()("help,h", "show this help")(
      positional, po::value<std::vector<std::string>>(), "");
  po::positional_options_description places;
  places.add(positional, most);
  po::variables_map map;
  const auto see_help = fmt::format("see lockstep {} --help", command.name);
  try {
    po::store(
        po::command_line_parser(arguments)
            .options(all)
            .positional(places)
            .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
            .run(),
        map);
    po::notify(map);
  } catch (const po::unknown_option& error) {
    std::string name = error.get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    const std::string nearest = nearest_option(name, all);
    throw InputError(fmt::format("{} (lockstep {} has no such option) {}", error.what(),
                                 command.name,
                                 nearest.empty() ? see_help : "did you mean --" + nearest + "?"));
  } catch (const po::too_many_positional_options_error&) {
    throw InputError(fmt::format("too many arguments (lockstep {} {}) {}", command.name,
                                 command.usage, see_help));
  } catch (const po::error& error) {
    throw InputError(fmt::format("{} (on the command line) {}", error.what(), see_help));
  }
  if (map.count("help")) {
    std::cout << fmt::format("lockstep {} {}\n\n{}\n", command.name, command.usage,
                             command.summary);
    if (!visible.options().empty()) std::cout << '\n' << visible;
    return {};
  }
  if (!map.count(positional) && most != 0)
    throw InputError(fmt::format("no {} given (usage: lockstep {} {}) {}", positional, command.name,
                                 command.usage, see_help));
  return map;
}

std::int64_t read_whole(const po::variables_map& map, const char* name, std::int64_t least,
                        std::int64_t most) {
  const std::string text = map[name].as<std::string>();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    throw InputError(
        fmt::format("--{} {} (a whole number from {} to {} is due) write for example "
                    "--{} {}",
                    name, text, least, most, name, std::clamp<std::int64_t>(8, least, most)));
  return value;
}

}  // namespace lockstep
