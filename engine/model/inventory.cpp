#include "engine/model/inventory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "engine/base/error.hpp"
#include "engine/base/nearest.hpp"
#include "engine/base/sha256.hpp"
#include "engine/base/text.hpp"

namespace lockstep {
namespace {

enum Column : std::size_t { node, generation, chips, relative_speed };
constexpr std::array<std::string_view, 4> column_names{"node", "generation", "chips",
                                                       "relative_speed"};
constexpr std::string_view example = "write for example n1,H100,8,1.0";

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const auto comma = line.find(',');
    fields.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

std::optional<double> number_in(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

/// Where each column stands in a line.
struct Header {
  std::size_t columns = 0;
  std::array<std::size_t, column_names.size()> place{};
};

Header read_header(const std::vector<std::string_view>& names) {
  Header header{names.size(), {}};
  for (std::size_t c = 0; c < column_names.size(); ++c) {
    const auto first = std::find(names.begin(), names.end(), column_names[c]);
    if (first == names.end()) {
      const std::string near = nearest_name(column_names[c], names);
      throw InputError(fmt::format(
          "there is no column {} (the first line names the columns: {}) {}", column_names[c],
          fmt::join(column_names, ","),
          near.empty() ? std::string("add it") : fmt::format("is it the one called {}?", near)));
    }
    if (std::find(first + 1, names.end(), column_names[c]) != names.end())
      throw InputError(fmt::format("the column {} stands twice (once is due) remove or rename one",
                                   column_names[c]));
    header.place[c] = static_cast<std::size_t>(first - names.begin());
  }
  return header;
}

/// The lines of one file, read into a fleet.
class Reader {
 public:
  Reader(const Values& values, Fleet& fleet) : values_(values), fleet_(fleet) {}

  /// `line` is not blank.
  void read(std::string_view line, int number) {
    const std::vector<std::string_view> fields = split(line);
    if (header_.columns == 0) {
      header_ = read_header(fields);
      return;
    }
    if (fields.size() != header_.columns)
      throw InputError(fmt::format("{} values (the first line names {} columns) {}", fields.size(),
                                   header_.columns, "give one value for each column"));
    const auto field = [&](Column column) { return fields[header_.place[column]]; };
    remember(field(node), number);
    const double count = chips_in(field(chips));
    const double speed = speed_in(field(relative_speed));
    const std::uint8_t which = generation_of(field(generation));
    fleet_.generations[which].chips += static_cast<std::int64_t>(count);
    fleet_.nodes.push_back({which, static_cast<std::int32_t>(count), speed});
  }

 private:
  void remember(std::string_view name, int number) {
    if (name.empty())
      throw InputError(fmt::format("the node has no name (each has one of its own) {}", example));
    const auto [first, is_new] = lines_.emplace(name, number);
    if (!is_new)
      throw InputError(
          fmt::format("node {} stands twice (first on line {}; one line a node is due) remove one",
                      name, first->second));
  }

  static double chips_in(std::string_view text) {
    const auto count = number_in(text);
    if (!count || !(*count >= 1 && *count <= most_chips) || *count != std::floor(*count))
      throw InputError(fmt::format("'{}' chips (a whole number from 1 to {} is due) {}", text,
                                   most_chips, example));
    return *count;
  }

  static double speed_in(std::string_view text) {
    const auto speed = number_in(text);
    if (!speed || !(*speed >= 1e-6 && *speed <= 1e6))
      throw InputError(fmt::format(
          "'{}' is no relative_speed (a number from 1e-6 to 1e6 is due, 1 as fast as the "
          "generation) {}",
          text, example));
    return *speed;
  }

  std::uint8_t generation_of(std::string_view name) {
    const auto known = generations_.find(name);
    if (known != generations_.end()) return known->second;
    if (name.empty())
      throw InputError(fmt::format("the node has no generation (one is due) {}", example));
    if (fleet_.generations.size() == most_generations)
      throw InputError(fmt::format("{} is one generation too many (the limit is {}) merge some",
                                   name, most_generations));
    fleet_.generations.push_back(make_generation(name, 0, values_));
    const auto which = static_cast<std::uint8_t>(fleet_.generations.size() - 1);
    generations_.emplace(name, which);
    return which;
  }

  const Values& values_;
  Fleet& fleet_;
  Header header_;
  std::map<std::string, int, std::less<>> lines_;
  std::map<std::string, std::uint8_t, std::less<>> generations_;
};

std::string content_of(const std::string& path) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored))
    throw InputError(fmt::format(
        "fleet.inventory: '{}' cannot be read (no such file, or no permission) check the path",
        path));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

void read_inventory(const std::string& path, std::string_view content_hash, const Values& values,
                    Fleet& fleet) {
  const std::string content = content_of(path);
  if (!content_hash.empty() && sha256_hex(content) != content_hash)
    throw InputError(fmt::format(
        "fleet.inventory: {} is not what it was when the study was read (a result stands for one "
        "content) start again, into another file",
        path));
  std::string_view rest = content;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // a byte order mark
  Reader reader(values, fleet);
  for (int number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    const std::string_view whole = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const std::string_view line = trimmed(whole.substr(0, whole.find('#')));
    if (line.empty()) continue;
    try {
      reader.read(line, number);
    } catch (const InputError& error) {
      throw InputError(fmt::format("fleet.inventory: {}:{}: {}", path, number, error.what()));
    }
  }
  if (fleet.nodes.empty())
    throw InputError(fmt::format(
        "fleet.inventory: {} names no node (a header and one line a node are due) add some", path));
}

}  // namespace lockstep
