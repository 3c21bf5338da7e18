#include "engine/model/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <tuple>

#include "engine/base/error.hpp"
#include "engine/base/random.hpp"
#include "engine/base/text.hpp"

namespace lockstep {
namespace {

std::uint32_t identity_of(std::string_view name) {
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return (hash >> 24 ^ hash) & 0xFFFFFFu;
}

constexpr std::int64_t most_chips = 16777216;  // slots are 32-bit, identities too

/// Nothing where `text` is no number.
std::optional<double> number_in(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

FleetGeneration read_generation(std::string_view part, const Values& values) {
  const auto colon = part.find(':');
  const bool has_colon = colon != std::string_view::npos;
  const std::string_view name = trimmed(part.substr(0, colon));
  const std::string_view count_text = has_colon ? trimmed(part.substr(colon + 1)) : name;
  const std::optional<double> count = number_in(count_text);
  const bool counts_chips =
      count && *count >= 1 && *count <= most_chips && *count == std::floor(*count);
  if (has_colon ? name.empty() : count.has_value())
    throw InputError(fmt::format(
        "'{}' names no generation (a generation's name, a colon and a whole number of chips are "
        "due) write for example H100:{:.0f}",
        part, counts_chips ? *count : 1024.0));
  if (!has_colon)
    throw InputError(
        fmt::format("'{}' has no count (a generation and its chips are due) write for "
                    "example {}:1024",
                    part, part.empty() ? "H100" : part));
  if (!counts_chips)
    throw InputError(fmt::format(
        "'{}' chips of {} (a whole number from 1 to {} is due) write for example {}:1024",
        count_text, name, most_chips, name));
  return {find_chip(name, values), static_cast<std::int64_t>(*count), identity_of(name)};
}

/// Chips of one scale-up domain (the last of a generation may be smaller).
struct Domain {
  double order;
  std::size_t generation;
  std::int64_t first, chips;
};

}  // namespace

std::int64_t Fleet::chips() const {
  std::int64_t total = 0;
  for (const auto& generation : generations) total += generation.chips;
  return total;
}

double Fleet::peak() const {
  double total = 0;
  for (const auto& generation : generations)
    total += static_cast<double>(generation.chips) * generation.chip.peak;
  return total;
}

std::span<const Parameter> fleet_parameters() {
  static const std::vector<Parameter> rows{
      {.key = "fleet.chips",
       .number = 1,
       .type = ValueType::text,
       .shapes_arrays = true,
       .summary = "generations and counts, e.g. H100:150000, H200:50000, GB200:20000 (required)",
       .source = "no default"},
      {.key = "fleet.placement",
       .number = 2,
       .type = ValueType::choice,
       .default_text = "blocked",
       .words = {"blocked", "interleaved", "random"},
       .shapes_arrays = true,
       .summary = "order of scale-up domains in the topology: generation after generation, spread "
                  "evenly, or one random order per seed",
       .source = "assumption: generations are bought and cabled in blocks"},
      {.key = "fleet.chip_spread",
       .number = 3,
       .default_text = "0.005",
       .maximum = 2,
       .summary = "sigma of the lognormal (mean 1) of chip speed within a generation; 0 is off",
       .source = "spread between healthy workers' means 0.15-0.5 % (ByteDance traces, arXiv "
                 "2505.05713, derived); 8 % best-to-worst in Sinha et al. (SC'22)"},
  };
  return rows;
}

Fleet fleet_from(const Values& values) {
  Fleet fleet;
  std::string_view text = values.text("fleet.chips");
  if (trimmed(text).empty())
    throw InputError(
        "fleet.chips is missing (it has no default) write for example [fleet] chips = "
        "H100:1024");
  while (true) {
    const auto comma = text.find(',');
    fleet.generations.push_back(read_generation(trimmed(text.substr(0, comma)), values));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  for (std::size_t i = 0; i < fleet.generations.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (fleet.generations[i].chip.name == fleet.generations[j].chip.name)
        throw InputError(
            fmt::format("fleet.chips names {} twice (each generation stands once) add "
                        "the counts",
                        fleet.generations[i].chip.name));
  if (fleet.generations.size() > 255)
    throw InputError("fleet.chips has more than 255 generations (that is the limit) merge some");
  if (fleet.chips() > most_chips)
    throw InputError(fmt::format("fleet.chips adds up to {} chips (the limit is {}) use fewer",
                                 fleet.chips(), most_chips));
  const std::string& order = values.text("fleet.placement");
  fleet.placement = order == "interleaved" ? PlacementOrder::interleaved
                    : order == "random"    ? PlacementOrder::random
                                           : PlacementOrder::blocked;
  fleet.chip_spread = values.real("fleet.chip_spread");
  return fleet;
}

Placement place(const Fleet& fleet, std::uint64_t seed) {
  const Stream stream{seed, Purpose::placement, 0};
  std::vector<Domain> domains;
  for (std::size_t g = 0; g < fleet.generations.size(); ++g) {
    const FleetGeneration& generation = fleet.generations[g];
    const auto size = static_cast<std::int64_t>(generation.chip.scale_up_domain);
    const std::int64_t count = (generation.chips + size - 1) / size;
    for (std::int64_t d = 0; d < count; ++d) {
      double order = 0;
      if (fleet.placement == PlacementOrder::interleaved)
        order = (static_cast<double>(d) + 0.5) / static_cast<double>(count);
      if (fleet.placement == PlacementOrder::random)
        order = stream.uniform(
            (static_cast<std::uint64_t>(generation.identity) << 32) | static_cast<std::uint64_t>(d),
            0);
      domains.push_back({order, g, d * size, std::min(size, generation.chips - d * size)});
    }
  }
  std::sort(domains.begin(), domains.end(), [](const Domain& a, const Domain& b) {
    return std::tie(a.order, a.generation, a.first) < std::tie(b.order, b.generation, b.first);
  });

  Placement placement;
  const auto slots = static_cast<std::size_t>(fleet.chips());
  placement.generation.reserve(slots);
  placement.index.reserve(slots);
  placement.domain.reserve(slots);
  for (std::size_t d = 0; d < domains.size(); ++d)
    for (std::int64_t c = 0; c < domains[d].chips; ++c) {
      placement.generation.push_back(static_cast<std::uint8_t>(domains[d].generation));
      placement.index.push_back(static_cast<std::uint32_t>(domains[d].first + c));
      placement.domain.push_back(static_cast<std::int32_t>(d));
    }
  return placement;
}

}  // namespace lockstep
