#include "engine/machine/inventory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "engine/base/error.hpp"
#include "engine/base/sha256.hpp"
#include "engine/base/text/csv.hpp"
#include "engine/base/text/nearest.hpp"

namespace lockstep {
namespace {

enum Column : std::size_t { node, generation, chips, relative_speed };
constexpr std::array<std::string_view, 4> column_names{"node", "generation", "chips",
                                                       "relative_speed"};
constexpr std::string_view example = "write for example n1,H100,8,1.0";

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

Header read_header(const std::vector<std::string>& fields) {
  for (const char other : {';', '\t'})
    if (fields.size() == 1 && fields[0].find(other) != std::string::npos)
      throw InputError(fmt::format("columns stand between {} (commas part them) replace them",
                                   other == ';' ? "semicolons" : "tabs"));
  const std::vector<std::string_view> names(fields.begin(), fields.end());
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

  void read(const CsvLine& line) {
    const std::vector<std::string>& fields = line.fields;
    if (header_.columns == 0) {
      header_ = read_header(fields);
      return;
    }
    if (fields.size() != header_.columns)
      throw InputError(fmt::format("{} values (the first line names {} columns) {}", fields.size(),
                                   header_.columns, "give one value for each column"));
    const auto field = [&](Column column) {
      return std::string_view(fields[header_.place[column]]);
    };
    remember(field(node), line.number);
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

}  // namespace

void read_inventory(const std::string& path, std::string_view content_hash, const Values& values,
                    Fleet& fleet) {
  Reader reader(values, fleet);
  try {
    const std::string content = read_csv_content(path);
    if (!content_hash.empty() && sha256_hex(content) != content_hash)
      throw InputError(fmt::format(
          "{} is not what it was when the study was read (a result stands for one content) start "
          "again, into another file",
          path));
    read_csv_lines(content, path, [&](const CsvLine& line) { reader.read(line); });
  } catch (const InputError& error) {
    throw InputError(fmt::format("fleet.inventory: {}", error.what()));
  }
  if (fleet.nodes.empty())
    throw InputError(fmt::format(
        "fleet.inventory: {} names no node (a header and one line a node are due) add some", path));
}

}  // namespace lockstep
