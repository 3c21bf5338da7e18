#include "engine/machine/chip.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"
#include "engine/base/field.hpp"

namespace lockstep {
namespace {

const std::vector<Field<Chip>>& fields() {
  constexpr std::string_view source = "the catalogue's figure (lockstep list chips)";
  static const std::vector<Field<Chip>> all{
      {&Chip::peak,
       {.key = "chip.*.peak",
        .number = 100,
        .dimension = Dimension::flop_rate,
        .minimum_is_legal = false,
        .summary = "dense BF16 peak of one chip (a bare number from 1e9 on is FLOP/s)",
        .source = source}},
      {&Chip::fp8_peak,
       {.key = "chip.*.fp8_peak",
        .number = 111,
        .dimension = Dimension::flop_rate,
        .minimum_is_legal = false,
        .summary = "dense FP8 peak of one chip, for job.compute_precision = fp8",
        .source = source}},
      {&Chip::hbm,
       {.key = "chip.*.hbm",
        .number = 101,
        .dimension = Dimension::bytes,
        .summary = "memory capacity of one chip",
        .source = source}},
      {&Chip::hbm_bandwidth,
       {.key = "chip.*.hbm_bandwidth",
        .number = 102,
        .dimension = Dimension::bandwidth,
        .minimum_is_legal = false,
        .summary = "memory bandwidth of one chip, which the optimizer's update goes through",
        .source = source}},
      {&Chip::tdp,
       {.key = "chip.*.tdp",
        .number = 103,
        .dimension = Dimension::power,
        .minimum_is_legal = false,
        .needs = {"power.meter", "serving.load", "serving.request_rate"},
        .summary = "thermal design power of one chip",
        .source = source}},
      {&Chip::idle_power,
       {.key = "chip.*.idle_power",
        .number = 104,
        .dimension = Dimension::power,
        .needs = {"power.meter", "serving.load", "serving.request_rate"},
        .summary = "power of one idle chip",
        .source = source}},
      {&Chip::context_power,
       {.key = "chip.*.context_power",
        .number = 115,
        .dimension = Dimension::power,
        .needs = {"power.meter", "serving.load", "serving.request_rate"},
        .summary = "power of one chip that a job holds while nothing runs on it",
        .source = "the catalogue's: 122, 125, 255 W of H100, H200, B200 (arXiv 2605.23918; log of "
                  "a B200 node); others 0.25 TDP, an assumption, range 0.2-0.35"}},
      {&Chip::host_power,
       {.key = "chip.*.host_power",
        .number = 116,
        .dimension = Dimension::power,
        .needs = {"power.meter", "serving.load", "serving.request_rate"},
        .summary =
            "what a node draws besides its chips, of one chip, under load, before conversion",
        .source =
            "the catalogue's: nodes of 8 in air 230 W, range 220-290 (MLPerf power logs, 0.94 x "
            "wall less the chips: 223 W of H200 under caps of 500 W, 226 W of idle B200 of whose "
            "hosts four fifths do not follow load), racks of 72 445 W, range 420-600 "
            "(1,667-1,833 W a chip in all); TPUs 100 W: assumption"}},
      {&Chip::scale_up_bandwidth,
       {.key = "chip.*.scale_up_bandwidth",
        .number = 105,
        .dimension = Dimension::bandwidth,
        .minimum_is_legal = false,
        .summary = "NVLink or ICI bandwidth of one chip, each way",
        .source = source}},
      {&Chip::scale_up_domain,
       {.key = "chip.*.scale_up_domain",
        .number = 106,
        .type = ValueType::count,
        .minimum = 1,
        .shapes_arrays = true,
        .summary = "chips that one NVLink or ICI island joins",
        .source = source}},
      {&Chip::node,
       {.key = "chip.*.node",
        .number = 107,
        .type = ValueType::count,
        .minimum = 1,
        .shapes_arrays = true,
        .summary = "chips that fail and are replaced together",
        .source = source}},
      {&Chip::injection_bandwidth,
       {.key = "chip.*.injection_bandwidth",
        .number = 108,
        .dimension = Dimension::bandwidth,
        .minimum_is_legal = false,
        .summary = "bandwidth of one chip into the data-centre network (its NIC), each way",
        .source = source}},
      {&Chip::link_bandwidth,
       {.key = "chip.*.link_bandwidth",
        .number = 112,
        .dimension = Dimension::bandwidth,
        .minimum_is_legal = false,
        .summary = "nominal bandwidth of one torus link of a chip that has such, each way",
        .source = source}},
      {&Chip::largest_torus,
       {.key = "chip.*.largest_torus",
        .number = 113,
        .type = ValueType::count,
        .minimum = 1,
        .shapes_arrays = true,
        .summary = "chips of the largest torus that one job gets of the generation",
        .source = source}},
      {&Chip::stack,
       {.key = "chip.*.stack",
        .number = 109,
        .maximum = 2,
        .minimum_is_legal = false,
        .summary = "how far the software is tuned for the generation, 1 = as far as for H100",
        .source =
            "assumption, range 0.5-1.2; GB200 was measured at 2.79x H100 (FP8 Llama 3.1 405B, "
            "Megatron Bridge performance summary) where peaks give 2.53x"}},
      {&Chip::nccl,
       {.key = "chip.*.nccl",
        .number = 114,
        .type = ValueType::choice,
        .words = {"volta", "ampere", "hopper", "blackwell", "none"},
        .shapes_arrays = true,
        .summary = "whose caps and NVLS are the chip's in NCCL's model; none: topology.kind = nccl "
                   "refuses it, other switched topologies take Hopper's caps without NVLS",
        .source = "compute capability 7, 8, 9, 10 (NCCL 2.30, src/graph/tuning.cc); Hopper's for "
                  "chips without: assumption"}},
      {&Chip::node_failure_rate,
       {.key = "chip.*.node_failure_rate",
        .number = 110,
        .dimension = Dimension::rate,
        .needs = {"reliability.horizon"},
        .summary = "failures of one node of the generation; default reliability.node_failure_rate",
        .source = "by chip, 2025: one in 1,000-3,000 chip-days for GB200, 2,000-5,000 for H100"}},
  };
  return all;
}

/// Names of the catalogue, then those that a section of `values` describes.
std::vector<std::string> known_generations(const Values& values) {
  std::vector<std::string> names;
  for (const Chip& chip : chip_catalogue()) names.push_back(chip.name);
  constexpr std::string_view before = "chip.", after = ".peak";
  for (const auto& [key, value] : values.all())
    if (key.starts_with(before) && key.ends_with(after) && values.has(key))
      names.emplace_back(key.substr(before.size(), key.size() - before.size() - after.size()));
  return names;
}

[[noreturn]] void refuse_generation(std::string_view name, const Values& values) {
  std::string suggestion = fmt::format("did you mean {}?", meant_generation_of(name, values));
  if (meant_generation_of(name, values).empty()) {
    std::string legal(name);
    for (char& c : legal)
      if (!is_generation_name({&c, 1})) c = '_';
    suggestion = fmt::format("describe it in a section [chip.{}] with at least peak{}", legal,
                             legal == name ? "" : fmt::format(", and call it {} here too", legal));
  }
  throw InputError(fmt::format("unknown generation '{}' (known: {}) {}", name,
                               fmt::join(known_generations(values), ", "), suggestion));
}

}  // namespace

std::string meant_generation_of(std::string_view name, const Values& values) {
  const std::vector<std::string> names = known_generations(values);
  return meant_generation(name, std::vector<std::string_view>(names.begin(), names.end()));
}

std::span<const Parameter> chip_parameters() {
  static const std::vector<Parameter> rows = rows_of(fields());
  return rows;
}

Chip find_chip(std::string_view name, const Values& values) {
  const std::span<const Chip> catalogue = chip_catalogue();
  const auto row_of = [&](std::string_view wanted) {
    return std::find_if(catalogue.begin(), catalogue.end(),
                        [&](const Chip& chip) { return chip.name == wanted; });
  };
  Chip chip;
  if (const auto row = row_of(name); row != catalogue.end()) {
    chip = *row;
  } else {
    if (!is_generation_name(name) || !values.has(fmt::format("chip.{}.peak", name)))
      refuse_generation(name, values);
    chip = *row_of("H100");
    chip.name = name;
    chip.fp8_peak = 0;
  }
  read_section(fields(), values, name, chip);
  return chip;
}

}  // namespace lockstep
