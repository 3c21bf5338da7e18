#include "engine/base/text/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include "engine/base/error.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {

namespace {

/// A field in quotes at the start of `rest`, which then begins behind it.
std::string quoted_field(std::string_view& rest) {
  std::string field;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] != '"') {
      field += rest[i];
    } else if (i + 1 < rest.size() && rest[i + 1] == '"') {
      field += rest[i++];
    } else {
      rest.remove_prefix(i + 1);
      return field;
    }
  }
  throw InputError("a double quote is not closed (a field ends on its line) add it");
}

std::vector<std::string> fields_of(std::string_view rest) {
  std::vector<std::string> fields;
  while (true) {
    rest = trimmed(rest);
    if (!rest.empty() && rest.front() == '"') {
      fields.push_back(std::string(trimmed(quoted_field(rest))));
      rest = trimmed(rest);
      if (!rest.empty() && rest.front() != ',' && rest.front() != '#')
        throw InputError(fmt::format(
            "'{}' follows a closing quote (a comma is due) put the whole field in quotes", rest));
      if (rest.empty() || rest.front() == '#') return fields;
    } else {
      const std::size_t end = std::min(rest.find_first_of(",#"), rest.size());
      fields.emplace_back(trimmed(rest.substr(0, end)));
      if (end == rest.size() || rest[end] == '#') return fields;
      rest.remove_prefix(end);
    }
    rest.remove_prefix(1);
  }
}

}  // namespace

std::string read_csv_content(const std::filesystem::path& path) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored))
    throw InputError(fmt::format(
        "'{}' cannot be read (no such file, or no permission) check the path, which starts at the "
        "study's folder",
        path.string()));
  return {std::istreambuf_iterator<char>(file), {}};
}

void read_csv_lines(std::string_view content, const std::filesystem::path& path,
                    const std::function<void(const CsvLine&)>& read) {
  if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);  // a byte order mark
  const bool wide = content.starts_with("\xFF\xFE") || content.starts_with("\xFE\xFF");
  if (wide || content.find('\0') != std::string_view::npos)
    throw InputError(fmt::format("{}: no text in UTF-8 ({}) save it as CSV UTF-8", path.string(),
                                 wide ? "it begins as UTF-16" : "it holds zero bytes"));
  for (int number = 1; !content.empty(); ++number) {
    const std::size_t end = std::min(content.find_first_of("\r\n"), content.size());
    const std::string_view line = trimmed(content.substr(0, end));
    content.remove_prefix(end);
    if (content.starts_with("\r\n")) content.remove_prefix(1);
    if (!content.empty()) content.remove_prefix(1);
    if (line.empty() || line.front() == '#') continue;
    try {
      read({number, fields_of(line)});
    } catch (const InputError& error) {
      throw InputError(fmt::format("{}:{}: {}", path.string(), number, error.what()));
    }
  }
}

}  // namespace lockstep
