#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/base/text/csv.hpp"
#include "engine/serving/requests/request_source.hpp"

namespace lockstep {
namespace {

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

/// Days since 1970-01-01 of the Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms").
std::int64_t days_from_civil(std::int64_t year, int month, int day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/// "2023-11-16 18:15:46.68" or seconds; [s].
std::optional<double> time_in(const std::string& text) {
  if (const auto seconds = number_in(text)) return seconds;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2d%*1[ T]%2d:%2d:%n", &year, &month, &day, &hour, &minute,
                  &used) != 5 ||
      used == 0)
    return {};
  const auto second = number_in(text.substr(static_cast<std::size_t>(used)));
  if (!second || month < 1 || month > 12 || day < 1 || day > 31) return {};
  return 86400.0 * static_cast<double>(days_from_civil(year, month, day)) + 3600.0 * hour +
         60.0 * minute + *second;
}

std::int32_t tokens_in(const std::string& text) {
  const auto value = number_in(text);
  if (!value || *value < 1 || *value > 1e9 || std::floor(*value) != *value)
    throw InputError(
        "'" + text +
        "' is no number of tokens (whole, from 1 on) write time, input, output in each line");
  return static_cast<std::int32_t>(*value);
}

}  // namespace

RequestTrace read_request_trace(const std::string& path) {
  RequestTrace trace;
  bool first = true;
  read_csv_lines(read_csv_content(path), path, [&](const CsvLine& line) {
    const bool may_be_names = std::exchange(first, false);
    if (line.fields.size() != 3)
      throw InputError("it has " + std::to_string(line.fields.size()) +
                       " fields (a request is three) write time, input, output in each line");
    const auto time = time_in(line.fields[0]);
    if (!time && may_be_names && !number_in(line.fields[1]) && !number_in(line.fields[2])) return;
    if (!time)
      throw InputError("'" + line.fields[0] +
                       "' is no time (seconds or YYYY-MM-DD hh:mm:ss are due) mend the line");
    if (!trace.time.empty() && *time < trace.time.back())
      throw InputError("its time is before the one above (requests stand in order) sort the file");
    trace.time.push_back(*time);
    trace.input.push_back(tokens_in(line.fields[1]));
    trace.output.push_back(tokens_in(line.fields[2]));
  });
  if (trace.time.size() < 2 || trace.time.back() == trace.time.front())
    throw InputError("'" + path +
                     "' has fewer than two requests at different times (a trace has a "
                     "rate) take a longer one");
  const double begin = trace.time.front();
  for (double& time : trace.time) time -= begin;
  return trace;
}

}  // namespace lockstep
