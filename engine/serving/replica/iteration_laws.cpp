#include "engine/serving/replica/iteration_laws.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/text/quantity.hpp"
#include "engine/base/text/text.hpp"
#include "engine/serving/replica/replica_sorts.hpp"

namespace lockstep {
namespace {

constexpr double attention_bandwidth = 0.85;  // share of HBM's, as that of streamed weights

struct Calibration {
  std::string_view generation;
  double base, each;  // [s]
};

/// MLPerf Inference v5.1, closed, Llama2-70B: H200, B200 and GB200 by offline and server runs, H100
/// by one run with t0 as H200's.
constexpr Calibration calibrations[] = {{"H100", 14e-3, 0.21e-3},
                                        {"H200", 14e-3, 0.218e-3},
                                        {"B200", 16.2e-3, 0.070e-3},
                                        {"GB200", 14.5e-3, 0.071e-3}};
constexpr double calibrated_parameters = 70e9;

/// "H200: 14ms + 0.218ms, B200: ..."; generations are parts of `text`.
std::vector<Calibration> written(std::string_view text) {
  const auto problem = [&](std::string_view part) {
    return InputError(fmt::format(
        "serving.iteration = {} is no law (GENERATION: t0 + c is due) write for example H200: "
        "14ms + 0.218ms",
        part));
  };
  std::vector<Calibration> all;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view part = trimmed(text.substr(0, comma));
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
    const std::size_t colon = part.find(':'), plus = part.find('+');
    if (colon == std::string_view::npos || plus == std::string_view::npos || plus < colon)
      throw problem(part);
    const auto base =
        quantity_in(trimmed(part.substr(colon + 1, plus - colon - 1)), Dimension::time);
    const auto each = quantity_in(trimmed(part.substr(plus + 1)), Dimension::time);
    if (!base || !each || (*base == 0 && *each == 0)) throw problem(part);
    if (*base < 0 || *each < 0)
      throw InputError(fmt::format(
          "serving.iteration = {} (neither t0 nor c of a law is below 0) write for example H200: "
          "14ms + 0.218ms",
          part));
    all.push_back({trimmed(part.substr(0, colon)), *base, *each});
    if (std::ranges::count(all, all.back().generation, &Calibration::generation) > 1)
      throw InputError(fmt::format("serving.iteration has two laws of {} (one is due) drop one",
                                   all.back().generation));
  }
  return all;
}

/// Of serving.iteration; its generation is a part of that.
std::optional<Calibration> own_law(const Serving& serving, const Chip& chip) {
  if (serving.iteration == "auto") return {};
  const std::vector<Calibration> all = written(serving.iteration);
  const auto its = std::ranges::find(all, std::string_view(chip.name), &Calibration::generation);
  return its != all.end() ? std::optional(*its) : std::nullopt;
}

double per_context(const Serving& serving, const Chip& chip) {
  return serving.model.context_bytes / (chip.hbm_bandwidth * attention_bandwidth);
}

IterationLaw from_calibration(const Calibration& known, const Serving& serving, const Chip& chip,
                              double chips) {
  const RequestMeans requests = calibration_requests();
  const double attention = per_context(serving, chip);
  const double tokens = (requests.input + requests.output - 1) / requests.output;
  const double products = std::max(0.0, known.each - attention * requests.context);
  return {
      .fixed = known.base, .compute = products / tokens / chips, .per_context = attention / chips};
}

IterationLaw roofline(const Serving& serving, const Chip& chip, std::int64_t chips,
                      std::vector<double> all_reduces) {
  constexpr std::array<double, 4> bandwidth{0.87, 0.85, 0.78, 0.71};
  constexpr std::array<double, 4> other{186e-9, 129e-9, 99e-9, 86e-9};
  constexpr double flops = 0.72, step = 126e-6, layer = 3e-6, call = 33e-6;
  const auto column = std::min<std::size_t>(
      3, static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(chips)) - 1));
  const ServedModel& model = serving.model;
  const auto n = static_cast<double>(chips);
  const double bytes = weight_bytes(model, chip);
  const double fp8 = chip.fp8_peak > 0 ? chip.fp8_peak : chip.peak;
  const double peak = bytes < 1 ? 2 * fp8 : bytes < 2 ? fp8 : chip.peak;
  IterationLaw law{
      .fixed = step + model.layers * layer,
      .per_token = model.layers * other[column],
      .memory = model.parameters * bytes / (n * chip.hbm_bandwidth * bandwidth[column]),
      .compute = 2 * model.active() / (n * peak * flops),
      .knee = 1.5,
      .per_context = per_context(serving, chip) / n};
  if (chips > 1)
    law.collective = {std::move(all_reduces), 2 * model.layers, chip.nccl == "none" ? 0 : call};
  return law;
}

}  // namespace

void check_iterations(const Serving& serving, const Values& values) {
  if (serving.iteration == "auto") return;
  for (const Calibration& one : written(serving.iteration)) try {
      find_chip(one.generation, values);
    } catch (const InputError& error) {
      throw InputError(fmt::format("serving.iteration: {}", error.what()));
    }
}

double weight_bytes(const ServedModel& model, const Chip& chip) {
  return model.weight_bytes.value_or(chip.nccl == "blackwell" ? 0.5
                                     : chip.fp8_peak > 0      ? 1.0
                                                              : 2.0);
}

bool is_roofline(const Serving& serving, const Chip& chip) {
  return serving.roofline && !own_law(serving, chip);
}

IterationLaw iteration_law(const Serving& serving, const Chip& chip, std::int64_t chips,
                           std::vector<double> all_reduces) {
  const auto n = static_cast<double>(chips);
  if (const auto own = own_law(serving, chip)) return from_calibration(*own, serving, chip, n);
  if (serving.roofline) return roofline(serving, chip, chips, std::move(all_reduces));
  const auto known =
      std::ranges::find(calibrations, std::string_view(chip.name), &Calibration::generation);
  if (known == std::end(calibrations))
    throw InputError(fmt::format(
        "serving.law = calibrated ({} has no published operating point) take roofline, or give "
        "serving.iteration",
        chip.name));
  if (serving.model.parameters != calibrated_parameters)
    throw InputError(fmt::format(
        "serving.law = calibrated (it knows serving.model_parameters = 70e9, not {:.6g}) take "
        "roofline, or give serving.iteration",
        serving.model.parameters));
  return from_calibration(*known, serving, chip, n);
}

}  // namespace lockstep
