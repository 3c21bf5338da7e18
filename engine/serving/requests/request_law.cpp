#include "engine/serving/requests/request_law.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/base/error.hpp"
#include "engine/base/text/csv.hpp"
#include "engine/base/text/quantity.hpp"

namespace lockstep {
namespace {

void require_csv(std::string_view key, const std::string& text, std::string_view words) {
  if (text.ends_with(".csv")) return;
  throw InputError(std::string(key) + " = " + text +
                   " is no CSV file (its name ends in .csv) write " + std::string(words) +
                   " or for example requests.csv");
}

void check_tokens(std::string_view key, const Distribution& law) {
  if (law.mean() >= 1) return;
  throw InputError(fmt::format(
      "{} = {} (a request has a token or more, of input and of output) write for example 150", key,
      law.is_constant() ? format_number(law.mean()) : law.text()));
}

RateProfile read_profile(const std::string& path) {
  RateProfile profile{.kind = RateProfile::Kind::table};
  bool first = true;
  double sum = 0;
  read_csv_lines(read_csv_content(path), path, [&](const CsvLine& line) {
    const bool may_be_names = std::exchange(first, false);
    std::optional<double> time, factor;
    if (line.fields.size() == 2) {
      time = quantity_in(line.fields[0], Dimension::none);
      factor = quantity_in(line.fields[1], Dimension::none);
    }
    if (!time && !factor && may_be_names && line.fields.size() == 2) return;
    if (!time || !factor || *time < 0 || *factor < 0)
      throw InputError(
          "it is no time in seconds and factor (a profile has two numbers a line) "
          "write for example 3600, 0.8");
    if (profile.times.empty() && *time != 0)
      throw InputError(
          fmt::format("its time is {} (the first line of a profile is for 0 s, when a day begins) "
                      "add one above",
                      line.fields[0]));
    if (*time >= profile.period)
      throw InputError(fmt::format(
          "its time is {} (seconds of a day are below {}) leave the lines of further days out",
          line.fields[0], profile.period));
    if (!profile.times.empty() && *time <= profile.times.back())
      throw InputError("its time is not after the one above (they rise) sort the file");
    profile.times.push_back(*time);
    profile.factors.push_back(*factor);
    sum += *factor;
  });
  if (!(sum > 0))
    throw InputError("'" + path + "' has no factor above 0 (requests must come) add one");
  return profile;
}

RateProfile profile_of(const Serving& serving) {
  if (serving.profile == "none") return {};
  RateProfile profile{.kind = RateProfile::Kind::diurnal};
  if (serving.profile != "diurnal") profile = read_profile(serving.profile);
  profile.start = serving.time_of_day;
  return profile;
}

/// First two moments of a length, cut and rounded as it is drawn, by 4,096 quantiles.
struct Moments {
  double mean = 0, square = 0;
};
Moments moments(const Distribution& law, double least, double most) {
  constexpr int points = 4096;
  Moments all;
  for (int i = 0; i < points; ++i) {
    const double value = std::clamp(law.quantile((i + 0.5) / points), least, most);
    all.mean += value / points;
    all.square += value * value / points;
  }
  return all;
}

}  // namespace

void check_requests(const Serving& serving) {
  check_tokens("serving.input_tokens", serving.input_tokens);
  check_tokens("serving.output_tokens", serving.output_tokens);
  if (serving.profile != "none" && serving.profile != "diurnal")
    require_csv("serving.profile", serving.profile, "none, diurnal");
  if (serving.trace != "none") require_csv("serving.trace", serving.trace, "none");
}

RequestLaw request_law(const Serving& serving) {
  RequestLaw law{.arrival_cv = serving.arrival_cv,
                 .profile = profile_of(serving),
                 .variation = {serving.rate_variation, serving.rate_variation_time},
                 .input = serving.input_tokens,
                 .output = serving.output_tokens,
                 .least_input = 1,
                 .longest = static_cast<std::int32_t>(serving.longest),
                 .trace = nullptr};
  if (serving.trace != "none") {
    law.trace = std::make_shared<RequestTrace>(read_request_trace(serving.trace));
  }
  return law;
}

RequestMeans means_of(const RequestLaw& law) {
  const auto longest = static_cast<double>(law.longest);
  if (!law.trace) {
    const Moments input = moments(law.input, law.least_input, longest - 1);
    const Moments output = moments(law.output, 1, std::max(1.0, longest - input.mean));
    return {.input = input.mean,
            .output = output.mean,
            .context = input.mean + 0.5 * output.square / output.mean,
            .output_of_token = output.square / output.mean};
  }
  double inputs = 0, outputs = 0, squares = 0, held = 0;
  const auto count = static_cast<double>(law.trace->time.size());
  for (std::size_t i = 0; i < law.trace->time.size(); ++i) {
    const double input = std::min<double>(law.trace->input[i], longest - 1);
    const double output = std::min<double>(law.trace->output[i], longest - input);
    inputs += input;
    outputs += output;
    squares += output * output;
    held += output * (input + 0.5 * output);
  }
  return {.input = inputs / count,
          .output = outputs / count,
          .context = held / outputs,
          .output_of_token = squares / outputs};
}

}  // namespace lockstep
