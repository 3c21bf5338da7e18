#include "engine/machine/chip.hpp"

#include <fmt/format.h>

#include <array>

#include "engine/base/error.hpp"
#include "engine/base/field.hpp"

namespace lockstep {
namespace {

constexpr double tera = 1e12, giga = 1e9, gib = 1024.0 * 1024.0 * 1024.0;
constexpr double nic_400g = 400e9 / 8;

// Idle power of the NVIDIA parts is weakly known: 12 % of TDP, range 10-15 %.
// What links carry of their nominal bandwidth: NVLink as NCCL counts it, 20, 20.6 and 40.1 GB/s of
// 25, 25 and 50 a link (NCCL 2.30, src/graph/topo.h: SM80, SM90, SM100_NVLINK_BW); NICs of
// 400 Gbit/s 46-48 GB/s of 50 (nccl-tests#290), of 200 Gbit/s 24 of 25 (src/graph/search.cc,
// speedArrayInter); TPU links 45 of 50 (scaling-book, tpus.md).
const std::array<Chip, 7> catalogue{{
    {"A100", 312 * tera, 80 * giga, 2.039 * tera, 400, 48, 300 * giga, 8, 8, 200e9 / 8, 20 / 25.0,
     24 / 25.0, 1, "NVIDIA A100 80GB SXM datasheet; 200 Gbit/s NIC a chip: DGX A100 datasheet"},
    {"H100", 989.4 * tera, 80 * giga, 3.35 * tera, 700, 84, 450 * giga, 8, 8, nic_400g, 20.6 / 25,
     47 / 50.0, 1, "NVIDIA H100 SXM datasheet; MLPerf Inference v5.0 system files"},
    {"H200", 989.4 * tera, 141 * giga, 4.8 * tera, 700, 84, 450 * giga, 8, 8, nic_400g, 20.6 / 25,
     47 / 50.0, 1, "NVIDIA H200 SXM datasheet; MLPerf Inference v5.0 system files"},
    {"B200", 2250 * tera, 180 * giga, 7.7 * tera, 1000, 120, 900 * giga, 8, 8, nic_400g, 40.1 / 50,
     47 / 50.0, 1, "NVIDIA HGX B200 datasheet; MLPerf Inference v5.0 system files"},
    {"GB200", 2500 * tera, 186 * giga, 8.0 * tera, 1200, 144, 900 * giga, 72, 4, nic_400g,
     40.1 / 50, 47 / 50.0, 1, "NVIDIA GB200 NVL72 datasheet; MLPerf Inference v5.0 system files"},
    // Injection of a TPU is its six ICI links together.
    {"TPUv4", 275 * tera, 32 * gib, 1.2 * tera, 192, 90, 300 * giga, 64, 4, 300 * giga, 0.9, 0.9, 1,
     "Jouppi et al., TPU v4 (ISCA'23, arXiv 2304.01433), Table 4"},
    {"TPUv5p", 459 * tera, 95 * gib, 2.765 * tera, 500, 150, 600 * giga, 64, 4, 600 * giga, 0.9,
     0.9, 1, "Google Cloud TPU v5p documentation; power is an assumption (300-600 W)"},
}};

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
        .unused = true,
        .summary = "memory bandwidth of one chip",
        .source = source}},
      {&Chip::tdp,
       {.key = "chip.*.tdp",
        .number = 103,
        .dimension = Dimension::power,
        .unused = true,
        .summary = "thermal design power of one chip",
        .source = source}},
      {&Chip::idle_power,
       {.key = "chip.*.idle_power",
        .number = 104,
        .dimension = Dimension::power,
        .unused = true,
        .summary = "power of one idle chip",
        .source = source}},
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
        .summary = "NIC bandwidth of one chip, each way",
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
  for (const Chip& chip : catalogue) names.push_back(chip.name);
  constexpr std::string_view before = "chip.", after = ".peak";
  for (const auto& [key, value] : values.all())
    if (key.starts_with(before) && key.ends_with(after) && values.has(key))
      names.push_back(key.substr(before.size(), key.size() - before.size() - after.size()));
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

std::span<const Chip> chip_catalogue() {
  return catalogue;
}

std::span<const Parameter> chip_parameters() {
  static const std::vector<Parameter> rows = rows_of(fields());
  return rows;
}

Chip find_chip(std::string_view name, const Values& values) {
  const Chip* base = nullptr;
  for (const Chip& chip : catalogue)
    if (chip.name == name) base = &chip;
  if (!base) {
    if (!is_generation_name(name) || !values.has(fmt::format("chip.{}.peak", name)))
      refuse_generation(name, values);
    base = &catalogue[1];
  }
  Chip chip = *base;
  chip.name = name;
  read_section(fields(), values, name, chip);
  return chip;
}

}  // namespace lockstep
