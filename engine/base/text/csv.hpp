#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// One line of a CSV file that says something.
struct CsvLine {
  int number = 1;  ///< in the file, from 1
  std::vector<std::string> fields;
};

/// The bytes of a CSV file. Throws InputError "'PATH' cannot be read (why) suggestion".
std::string read_csv_content(const std::filesystem::path& path);

/// Shows each line of a CSV text to `read`, in order. A byte order mark, all sorts of line ends,
/// blank lines and what follows a # do not count; fields stand between commas, without the blanks
/// around them, in double quotes where they hold a comma, a # or (doubled) a quote. Throws
/// InputError "PATH:LINE: problem (why) suggestion" where the text is none of that, and with the
/// same start what `read` throws.
void read_csv_lines(std::string_view content, const std::filesystem::path& path,
                    const std::function<void(const CsvLine&)>& read);

}  // namespace lockstep
