#include "engine/machine/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "engine/base/error.hpp"
#include "engine/base/field.hpp"
#include "engine/base/random.hpp"
#include "engine/base/text/text.hpp"
#include "engine/machine/inventory.hpp"
#include "engine/machine/meant_fleet.hpp"

namespace lockstep {
namespace {

std::uint32_t identity_of(std::string_view name) {
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return (hash >> 24 ^ hash) & 0xFFFFFFu;
}

FleetGeneration read_generation(std::string_view part, const Values& values) {
  const auto colon = part.find(':');
  const bool has_colon = colon != std::string_view::npos;
  const std::string_view name = trimmed(part.substr(0, colon));
  const std::string_view count_text = has_colon ? trimmed(part.substr(colon + 1)) : name;
  const std::optional<double> count = quantity_in(count_text, Dimension::none);
  if (has_colon ? name.empty() : count.has_value())
    throw InputError(fmt::format(
        "'{}' names no generation (a generation's name, a colon and a whole number of chips are "
        "due; commas part generations) write for example H100:1024",
        part));
  if (!has_colon)
    throw InputError(fmt::format(
        "'{}' has no count (a generation, a colon and its chips are due) write for example "
        "H100:1024",
        part));
  if (!count || !(*count >= 1 && *count <= most_chips) || *count != std::floor(*count))
    throw InputError(fmt::format(
        "'{}' chips of {} (a whole number from 1 to {} is due) write for example H100:1024",
        count_text, name, most_chips));
  return make_generation(name, static_cast<std::int64_t>(*count), values);
}

/// The parts of `text`; what is wrong with one, with what the whole can mean.
std::vector<FleetGeneration> read_parts(std::string_view text, const Values& values) {
  try {
    std::vector<FleetGeneration> generations;
    for (std::string_view rest = text;;) {
      const auto comma = rest.find(',');
      generations.push_back(read_generation(trimmed(rest.substr(0, comma)), values));
      if (comma == std::string_view::npos) return generations;
      rest.remove_prefix(comma + 1);
    }
  } catch (const InputError& error) {
    const std::string message = error.what();
    if (message.find("did you mean") != std::string::npos) throw;
    const std::vector<std::string> meant = meant_fleets(text, values);
    if (meant.empty()) throw;
    throw InputError(fmt::format("{} write fleet.chips = {}",
                                 message.substr(0, message.rfind(") ") + 1),
                                 fmt::join(meant, " or fleet.chips = ")));
  }
}

std::vector<FleetGeneration> read_counts(std::string_view text, const Values& values) {
  const std::vector<FleetGeneration> generations = read_parts(text, values);
  for (std::size_t i = 0; i < generations.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (generations[i].chip.name == generations[j].chip.name)
        throw InputError(
            fmt::format("fleet.chips names {} twice (each generation stands once) add "
                        "the counts",
                        generations[i].chip.name));
  if (generations.size() > most_generations)
    throw InputError(
        fmt::format("fleet.chips has more than {} generations (that is the limit) merge some",
                    most_generations));
  return generations;
}

/// The hash that the study keeps of a CSV's content; "" where the value was not read as one.
std::string_view content_hash(const Values& values, std::string_view key) {
  constexpr std::string_view mark = "csv:sha256=";
  const Value* value = values.find(key);
  if (!value) return {};
  const std::string_view canonical = value->canonical;
  return canonical.starts_with(mark) ? canonical.substr(mark.size()) : std::string_view{};
}

/// Chips of one scale-up domain (the last of a generation may be smaller).
struct Domain {
  double order;  ///< of its place in the topology
  std::size_t generation;
  std::int64_t number;  ///< within the generation; where they are smaller than nodes, its node's
  std::int64_t first, chips;  ///< within the generation
};

std::int64_t domain_size(const FleetGeneration& generation) {
  return static_cast<std::int64_t>(generation.chip.scale_up_domain);
}

/// Domain::number of the domain that begins at a chip of a generation's whole nodes.
std::int64_t domain_number(const FleetGeneration& generation, std::int64_t chip) {
  return chip / std::max(domain_size(generation), static_cast<std::int64_t>(generation.chip.node));
}

/// Domains of a generation's chips, generation after generation: as many as it takes, filled evenly
/// in whole nodes, since a rack with a few chips beside full ones is not built (and the rings of
/// those few would pass their few NICs). Domains smaller than a node are full but for the last.
std::vector<Domain> counted_domains(const Fleet& fleet) {
  std::vector<Domain> domains;
  for (std::size_t g = 0; g < fleet.generations.size(); ++g) {
    const FleetGeneration& generation = fleet.generations[g];
    const std::int64_t size = domain_size(generation), chips = generation.chips;
    const auto node = std::min(static_cast<std::int64_t>(generation.chip.node), size);
    const std::int64_t count = (chips + size - 1) / size, nodes = (chips + node - 1) / node;
    const auto first = [&](std::int64_t d) {
      return size % node == 0 ? std::min(nodes * d / count * node, chips)
                              : std::min(d * size, chips);
    };
    for (std::int64_t d = 0; d < count; ++d)
      domains.push_back(
          {0, g, domain_number(generation, d * size), first(d), first(d + 1) - first(d)});
  }
  return domains;
}

/// Domains of a measured fleet, each where its first node stands. A node takes the places of all
/// the chips that its generation has in one, also where some are missing.
std::vector<Domain> measured_domains(const Fleet& fleet) {
  struct Filled {
    std::int64_t chips = 0, places = 0;
    std::int64_t open = -1;  // which `size` places the last domain stands for
    std::size_t last = 0;    // the last domain
  };
  std::vector<Filled> filled(fleet.generations.size());
  std::vector<Domain> domains;
  for (const FleetNode& node : fleet.nodes) {
    const FleetGeneration& generation = fleet.generations[node.generation];
    const std::int64_t size = domain_size(generation);
    const auto places = static_cast<std::int64_t>(generation.chip.node);
    Filled& so_far = filled[node.generation];
    for (std::int64_t chip = 0; chip < node.chips; ++chip) {
      const std::int64_t island = (so_far.places + chip) / size;
      if (island != so_far.open) {
        so_far.open = island;
        so_far.last = domains.size();
        domains.push_back({static_cast<double>(domains.size()), node.generation,
                           domain_number(generation, island * size), so_far.chips, 0});
      }
      ++domains[so_far.last].chips;
      ++so_far.chips;
    }
    so_far.places += (node.chips + places - 1) / places * places;
  }
  return domains;
}

/// (generations) relative speed of each chip by its index.
std::vector<std::vector<double>> chip_speeds(const Fleet& fleet) {
  std::vector<std::vector<double>> speeds(fleet.generations.size());
  for (const FleetNode& node : fleet.nodes)
    speeds[node.generation].insert(speeds[node.generation].end(),
                                   static_cast<std::size_t>(node.chips), node.speed);
  return speeds;
}

void read_counted(Fleet& fleet, const Values& values) {
  const std::string_view counts = trimmed(values.text("fleet.chips"));
  if (!counts.empty()) fleet.generations = read_counts(counts, values);
}

void read_measured(Fleet& fleet, const Values& values) {
  const std::string& inventory = values.text("fleet.inventory");
  if (!inventory.empty())
    read_inventory(inventory, content_hash(values, "fleet.inventory"), values, fleet);
}

const std::vector<Field<Fleet>>& fleet_fields() {
  static const std::vector<Field<Fleet>> fields{
      {read_counted,
       {.key = "fleet.chips",
        .number = 1,
        .type = ValueType::text,
        .shapes_arrays = true,
        .summary = "generations and counts, e.g. H100:150000, H200:50000, GB200:20000 (required "
                   "where fleet.inventory is not given); scale-up domains are as few as hold them, "
                   "filled evenly in whole nodes",
        .source = "no default"}},
      {{&Fleet::placement,
        {PlacementOrder::blocked, PlacementOrder::interleaved, PlacementOrder::random}},
       {.key = "fleet.placement",
        .number = 2,
        .type = ValueType::choice,
        .default_text = "blocked",
        .words = {"blocked", "interleaved", "random"},
        .shapes_arrays = true,
        .summary = "order of scale-up domains in the topology: generation after generation, spread "
                   "evenly, or one random order per seed",
        .source = "assumption: generations are bought and cabled in blocks"}},
      {&Fleet::chip_spread,
       {.key = "fleet.chip_spread",
        .number = 3,
        .default_text = "0.005",
        .maximum = 2,
        .summary = "sigma of the lognormal (mean 1) of chip speed within a generation; 0 is off",
        .source = "spread between healthy workers' means 0.15-0.5 % (ByteDance traces, arXiv "
                  "2505.05713, derived); 8 % best-to-worst in Sinha et al. (SC'22)"}},
      {read_measured,
       {.key = "fleet.inventory",
        .number = 4,
        .type = ValueType::text,
        .shapes_arrays = true,
        .summary =
            "FILE.csv of a measured fleet, in place of fleet.chips: columns node, generation, "
            "chips, relative_speed, one line a node in physical order, which fill domain after "
            "domain; proportional shares know the relative speeds",
        .source = "no default"}},
  };
  return fields;
}

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
  static const std::vector<Parameter> rows = rows_of(fleet_fields());
  return rows;
}

FleetGeneration make_generation(std::string_view name, std::int64_t chips, const Values& values) {
  return {find_chip(name, values), chips, identity_of(name)};
}

Fleet fleet_of_generation(const Fleet& fleet, std::size_t generation) {
  Fleet own;
  own.generations = {fleet.generations[generation]};
  for (FleetNode node : fleet.nodes) {
    if (node.generation != generation) continue;
    node.generation = 0;
    own.nodes.push_back(node);
  }
  own.placement = fleet.placement;
  own.chip_spread = fleet.chip_spread;
  return own;
}

Fleet fleet_from(const Values& values) {
  const std::string_view counts = trimmed(values.text("fleet.chips"));
  const std::string& inventory = values.text("fleet.inventory");
  if (!inventory.empty() && !inventory.ends_with(".csv"))
    throw InputError(fmt::format(
        "fleet.inventory = {} is no CSV file (its name ends in .csv) write for example nodes.csv",
        inventory));
  if (!inventory.empty() && !counts.empty())
    throw InputError(
        "fleet.inventory and fleet.chips are both given (each says which chips there are) keep "
        "one");
  if (inventory.empty() && counts.empty())
    throw InputError(
        "fleet.chips is missing (it has no default) write for example [fleet] chips = "
        "H100:1024");
  Fleet fleet = read_fields(fleet_fields(), values);
  if (fleet.chips() > most_chips)
    throw InputError(fmt::format("{} adds up to {} chips (the limit is {}) use fewer",
                                 counts.empty() ? "fleet.inventory" : "fleet.chips", fleet.chips(),
                                 most_chips));
  return fleet;
}

std::vector<std::vector<std::uint32_t>> node_numbers(const Fleet& fleet) {
  std::vector<std::vector<std::uint32_t>> numbers(fleet.generations.size());
  std::vector<std::uint32_t> nodes(fleet.generations.size(), 0);
  for (const FleetNode& node : fleet.nodes)
    numbers[node.generation].insert(numbers[node.generation].end(),
                                    static_cast<std::size_t>(node.chips), nodes[node.generation]++);
  if (!fleet.nodes.empty()) return numbers;
  for (std::size_t g = 0; g < numbers.size(); ++g) {
    const auto node = static_cast<std::int64_t>(fleet.generations[g].chip.node);
    for (std::int64_t chip = 0; chip < fleet.generations[g].chips; ++chip)
      numbers[g].push_back(static_cast<std::uint32_t>(chip / node));
  }
  return numbers;
}

Placement place(const Fleet& fleet, std::uint64_t seed) {
  const Stream stream{seed, purpose::placement, 0};
  std::vector<Domain> domains =
      fleet.nodes.empty() ? counted_domains(fleet) : measured_domains(fleet);
  std::vector<double> count(fleet.generations.size(), 0.0);
  for (const Domain& domain : domains)
    count[domain.generation] = static_cast<double>(domain.number + 1);
  for (Domain& domain : domains) {
    const FleetGeneration& generation = fleet.generations[domain.generation];
    if (fleet.placement == PlacementOrder::interleaved)
      domain.order = (static_cast<double>(domain.number) + 0.5) / count[domain.generation];
    if (fleet.placement == PlacementOrder::random)
      domain.order = stream.uniform((static_cast<std::uint64_t>(generation.identity) << 32) |
                                        static_cast<std::uint64_t>(domain.number),
                                    0);
  }
  std::sort(domains.begin(), domains.end(), [](const Domain& a, const Domain& b) {
    return std::tie(a.order, a.generation, a.first) < std::tie(b.order, b.generation, b.first);
  });

  Placement placement;
  const auto slots = static_cast<std::size_t>(fleet.chips());
  placement.generation.reserve(slots);
  placement.index.reserve(slots);
  placement.domain.reserve(slots);
  const std::vector<std::vector<double>> speeds = chip_speeds(fleet);
  for (std::size_t d = 0; d < domains.size(); ++d)
    for (std::int64_t c = 0; c < domains[d].chips; ++c) {
      placement.generation.push_back(static_cast<std::uint8_t>(domains[d].generation));
      placement.index.push_back(static_cast<std::uint32_t>(domains[d].first + c));
      placement.domain.push_back(static_cast<std::int32_t>(d));
      if (!fleet.nodes.empty())
        placement.speed.push_back(
            speeds[domains[d].generation][static_cast<std::size_t>(domains[d].first + c)]);
    }
  return placement;
}

}  // namespace lockstep
