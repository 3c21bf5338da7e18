#include "tests/invariants/topology_case.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "topologies/table.hpp"

namespace lockstep::test {
namespace {

const Parameter* find_row(std::string_view key) {
  std::string wanted(key);
  if (wanted.starts_with("chip.")) wanted = "chip.*" + wanted.substr(wanted.rfind('.'));
  for (std::span<const Parameter> table :
       {fleet_parameters(), chip_parameters(), fabric_parameters(), noise_parameters(),
        std::span<const Parameter>(topology_parameters())})
    for (const Parameter& row : table)
      if (row.key == wanted) return &row;
  return nullptr;
}

}  // namespace

const std::vector<Settings>& equal_and_tiered_fabrics() {
  static const std::vector<Settings> all{
      {{"fabric.hop_latency", "3us"}, {"fabric.hop_bandwidth", "10GB/s"}},
      {{"fabric.leaf_chips", "4"},
       {"fabric.pod_chips", "12"},
       {"fabric.spine_oversubscription", "3"}},
  };
  return all;
}

const TopologyKind& kind_named(std::string_view name) {
  for (const TopologyKind* kind : topology_kinds())
    if (kind->name == name) return *kind;
  throw std::logic_error(fmt::format("no topology {}", name));
}

Values make_values(const Settings& settings) {
  Values values;
  for (std::span<const Parameter> table :
       {fleet_parameters(), fabric_parameters(), noise_parameters(),
        std::span<const Parameter>(topology_parameters())})
    for (const Parameter& row : table)
      values.set(std::string(row.key),
                 row.default_text.empty() ? Value{} : parse_value(row, row.default_text, "."));
  // Noise comes with each call, not by settings, and only exact rings take any.
  values.set("topology.method", parse_value(*find_row("topology.method"), "exact", "."));
  for (const auto& [key, text] : settings) {
    const Parameter* row = find_row(key);
    if (!row) throw std::logic_error("no parameter " + key);
    values.set(key, parse_value(*row, text, "."));
  }
  return values;
}

TopologyCase::TopologyCase(const TopologyKind& given_kind, const Settings& settings,
                           std::int64_t tensor, std::int64_t pipeline, double given_bytes,
                           const std::function<Settings(std::int64_t, std::int64_t)>& topology,
                           Operation given_operation)
    : kind(given_kind),
      operation(given_operation),
      values(make_values(settings)),
      fleet(fleet_from(values)),
      fabric(fabric_from(values)),
      noise(noise_from(values)),
      bytes(given_bytes) {
  const std::int64_t fitting = replicas_that_fit(fleet, tensor * pipeline);
  Settings all = settings;
  for (auto& setting : topology(tensor * pipeline, fitting)) all.push_back(std::move(setting));
  values = make_values(all);
  if (kind.settle && fitting > 0) {
    const AskedOperation asked[] = {{operation, bytes}};
    values = kind.settle({values, fleet, fabric, fitting, tensor, pipeline, asked}).values;
  }
  const std::int64_t usable = kind.usable_replicas(values, fitting, tensor * pipeline);
  layout = arrange(fleet, place(fleet, 7), tensor, pipeline, usable);
  collective = collective_on(kind, request());
  name = fmt::format("{} on {} of {} B, {} groups of {} ranks ({})", name_of(operation), kind.name,
                     bytes, groups(), ranks(), collective->choice());
  for (const auto& [key, text] : all) name += fmt::format(" {}={}", key, text);
}

CollectiveRequest TopologyCase::request() const {
  return {.operation = operation,
          .fleet = fleet,
          .layout = layout,
          .fabric = fabric,
          .noise = noise,
          .values = values,
          .bytes = bytes,
          .groups = {layout.replicas, layout.groups()},
          .model_parallel = layout.groups()};
}

const Chip& TopologyCase::chip(std::int64_t group, std::int64_t rank) const {
  return fleet.generations[layout.generation[static_cast<std::size_t>(layout.at(group, rank))]]
      .chip;
}

bool TopologyCase::same_domain(std::int64_t group, std::int64_t a, std::int64_t b) const {
  return layout.domain[static_cast<std::size_t>(layout.at(group, a))] ==
         layout.domain[static_cast<std::size_t>(layout.at(group, b))];
}

std::vector<double> TopologyCase::unequal_links(double share, std::uint64_t seed) const {
  const Stream stream{seed, purpose::slow_link, 0};
  std::vector<double> factors(
      static_cast<std::size_t>(collective->links_per_chip() * groups() * ranks()), 1.0);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const auto [slow, factor] = stream.uniform_pair(i, 0);
    if (slow < share) factors[i] = 1 + 4 * factor;
  }
  return factors;
}

std::vector<double> TopologyCase::ready_times(double spread, std::uint64_t seed) const {
  const Stream stream{seed, purpose::step_jitter, 0};
  std::vector<double> ready(static_cast<std::size_t>(groups() * ranks()), 0.0);
  for (std::size_t i = 0; i < ready.size(); ++i) ready[i] = spread * stream.uniform(i, 0);
  return ready;
}

std::vector<double> TopologyCase::run(const MessageNoise& messages, const LinkState& links,
                                      const std::vector<double>& ready) const {
  std::vector<double> finish(ready.size(), -1.0);
  collective->begin_trial(links)->run(messages, 0, groups(), ready.data(), finish.data(), 1);
  return finish;
}

std::vector<double> message_delays(const MessageNoise& noise, std::int64_t group,
                                   std::int64_t messages) {
  std::vector<double> delays(static_cast<std::size_t>(messages), 0.0);
  if (noise.hop_jitter)
    for (std::int64_t m = 0; m < messages; ++m)
      delays[static_cast<std::size_t>(m)] = noise.dense(group, m);
  for (SpikeSequence spikes(noise, group, messages); !spikes.done(); spikes.next())
    delays[static_cast<std::size_t>(spikes.message())] += spikes.delay();
  return delays;
}

NoiseCase::NoiseCase(const Settings& settings, std::uint64_t seed) {
  Settings with_fleet{{"fleet.chips", "H100:1"}};
  with_fleet.insert(with_fleet.end(), settings.begin(), settings.end());
  noise = noise_from(make_values(with_fleet));
  messages = message_noise(noise, seed, 3, 5);
}

}  // namespace lockstep::test
