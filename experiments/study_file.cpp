#include "experiments/study_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "engine/base/text/text.hpp"

namespace lockstep {
namespace {

constexpr std::size_t largest_study = 1 << 20;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::string read_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw InputError(
        fmt::format("'{}' is a directory (a study is one INI file) name the file in it", path));
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw InputError(fmt::format("'{}' cannot be opened ({}) check the path of the study", path,
                                 std::generic_category().message(errno)));
  // One byte more than allowed tells an endless device from a file that just fits.
  std::string text(largest_study + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad())
    throw InputError(fmt::format("'{}' cannot be read ({}) check the path of the study", path,
                                 std::generic_category().message(errno)));
  if (text.size() > largest_study)
    throw InputError(fmt::format(
        "'{}' is larger than 1 MiB (a study is a page of text) name an INI file", path));
  return text;
}

/// Length of the UTF-8 character at the start of `text` (RFC 3629, table in section 4); 0 when
/// the bytes there are none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (length == 0 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool beyond = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || beyond ? 0 : length;
}

bool is_section_name(std::string_view name) {
  constexpr std::string_view legal =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !name.empty() && name.find_first_not_of(legal) == std::string_view::npos &&
         name.front() != '.' && name.back() != '.';
}

/// What Boost's parser does not tell: where each key stands, and what is wrong with a line.
struct Scan {
  std::vector<int> key_lines;  ///< of the keys in file order
  std::vector<std::string> problems;
};

bool is_key(std::string_view text) {
  constexpr std::string_view legal =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !text.empty() && text.find_first_not_of(legal) == std::string_view::npos;
}

/// What to write in place of a line without "=": "tensor: 8", "tensor 8", "// a comment", or one
/// in letters that only look like ours.
std::string meant_line(std::string_view line) {
  const std::string plain = plain_letters(line);
  if (plain.front() == '[' || (plain != line && plain.find('=') != std::string::npos))
    return fmt::format("did you mean {}?", plain);
  for (const std::string_view mark : {"//", ";", "--", "%", "!"})
    if (plain.starts_with(mark))
      return fmt::format("did you mean # {}?",
                         trimmed(std::string_view(plain).substr(mark.size())));
  for (const std::string_view sign : {":=", ":", " ", "\t"}) {
    const std::size_t at = plain.find(sign);
    if (at == std::string::npos) continue;
    const std::string_view key = trimmed(std::string_view(plain).substr(0, at));
    const std::string_view value = trimmed(std::string_view(plain).substr(at + sign.size()));
    if (is_key(key) && !value.empty()) return fmt::format("did you mean {} = {}?", key, value);
  }
  return "write key = value";
}

/// The problem of one line, or "" when it is in order; counts a key and notices a section.
std::string check_line(std::string_view line, int number, bool& in_section, Scan& scan) {
  const std::size_t hash = std::min(line.find('#'), line.size());
  const std::string_view content = trimmed(line.substr(0, hash));
  if (content.empty()) return "";
  if (hash < line.size() && std::count(content.begin(), content.end(), '"') % 2 != 0)
    return "'#' inside double quotes (a '#' starts a comment wherever it stands) write the value "
           "without it";
  if (content.front() == '[') {
    in_section = true;
    if (content.find(']') == std::string_view::npos)
      return fmt::format("'{}' is not closed (a section header is a name in brackets) write {}]",
                         content, content);
    if (content.back() != ']' || !is_section_name(content.substr(1, content.size() - 2)))
      return fmt::format(
          "'{}' is not a section header (a name of letters, digits, '-', '_' and "
          "'.' in brackets, alone on its line) write for example [job]",
          content);
    return "";
  }
  const std::size_t equals = content.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return fmt::format(
        "'{}' is not understood (a line is a [section], key = value, or a comment "
        "after '#') {}",
        content, meant_line(content));
  const std::string_view key = trimmed(content.substr(0, equals));
  if (key.front() == ';' || key.starts_with("//"))
    return fmt::format("'{}' is no key (a comment starts with '#') did you mean # {}?", content,
                       trimmed(content.substr(content.find_first_not_of(";/ "))));
  if (!in_section && key != "title")
    return fmt::format(
        "'{}' stands before the first section (only title may) put it under its "
        "[section]",
        key);
  scan.key_lines.push_back(number);
  return "";
}

Scan scan_lines(const std::string& path, std::string_view text) {
  Scan scan;
  bool in_section = false;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string problem = check_line(text.substr(0, end), number, in_section, scan);
    if (!problem.empty()) scan.problems.push_back(fmt::format("{}:{}: {}", path, number, problem));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return scan;
}

}  // namespace

std::optional<std::string> not_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool line_end = c == '\n' || (c == '\r' && (i + 1 == text.size() || text[i + 1] == '\n'));
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0 || (c < 0x20 && c != '\t' && !line_end) || c == 0x7F)
      return fmt::format("byte 0x{:02x} at offset {}", c, i);
    i += length;
  }
  return std::nullopt;
}

StudyText parse_study(const std::string& path, const std::string& text) {
  if (const auto reason = not_text(text))
    throw InputError(
        fmt::format("'{}' is not a text file ({}) name an INI file in UTF-8", path, *reason));
  // Editors on some systems write a mark that is no part of the first line.
  const std::string lines = text.starts_with(byte_order_mark) ? text.substr(3) : text;
  Scan scan = scan_lines(path, lines);
  if (!scan.problems.empty()) throw first_problems(std::move(scan.problems));
  if (scan.key_lines.empty())
    throw InputError(fmt::format(
        "'{}' sets nothing (it holds no key = value) start with [fleet] and its chips", path));

  std::istringstream stream(lines);
  const auto options = boost::program_options::parse_config_file(
                           stream, boost::program_options::options_description(), true)
                           .options;
  StudyText study;
  study.path = path;
  study.directory = std::filesystem::path(path).parent_path().string();
  if (study.directory.empty()) study.directory = ".";
  study.text = text;
  for (std::size_t i = 0; i < options.size(); ++i)
    study.entries.push_back({options[i].string_key, options[i].value.front(),
                             fmt::format("{}:{}", path, scan.key_lines.at(i))});
  return study;
}

StudyText read_study(const std::string& path) {
  return parse_study(path, read_file(path));
}

std::vector<StudyEntry> entries_of(const std::vector<std::string>& overrides) {
  std::vector<StudyEntry> entries;
  for (const std::string& override : overrides) {
    const auto space = override.find(' '), equals = override.find('=');
    const std::string option = override.substr(0, space);
    if (option == "--set")
      entries.push_back(
          {override.substr(space + 1, equals - space - 1), override.substr(equals + 1), option});
    else
      entries.push_back({"sampling." + option.substr(2), override.substr(space + 1), option});
  }
  return entries;
}

bool says_what_to_train(const std::string& text, const std::vector<std::string>& overrides) {
  std::vector<StudyEntry> entries = parse_study("", text).entries;
  const std::vector<StudyEntry> more = entries_of(overrides);
  entries.insert(entries.end(), more.begin(), more.end());
  return std::any_of(entries.begin(), entries.end(), [](const StudyEntry& entry) {
    const bool is_axis = entry.key.starts_with("sweep.");
    return entry.key.starts_with("job.") ||
           (is_axis && entry.key.find("job.") != std::string::npos);
  });
}

}  // namespace lockstep
