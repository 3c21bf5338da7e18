#include "engine/serving/fleet/replica_links.hpp"

#include <algorithm>
#include <optional>

#include "engine/base/parameter.hpp"
#include "engine/noise/rare_entities.hpp"

namespace lockstep {
namespace {

constexpr double number_bytes = 2;  // of an activation

/// The study's, but for a torus' shape, which is the job's.
Values own_values(const Values& values, const TopologyKind& kind) {
  Values own = values;
  if (!kind.is_local)
    for (const Parameter& row : kind.parameters)
      own.set(std::string(row.key),
              row.default_text.empty() ? Value{} : parse_value(row, row.default_text, "."));
  return own;
}

}  // namespace

/// A replica that noise reaches, with its collectives of few and of many tokens.
struct ReplicaLinks::Replica {
  std::int32_t number = 0;
  ReplicaPlace place;
  std::unique_ptr<Collective> few, many;
  LinkDelay healthy = {};            // what they take without noise, in place of a delay
  std::vector<double> lasting = {};  // (links, chips) factors
};

ReplicaLinks::ReplicaLinks(const Scenario& scenario, const Values& values,
                           const Placement& placement, double hidden)
    : scenario_(scenario), values_(own_values(values, *scenario.topology)), hidden_(hidden) {
  for (const FleetGeneration& generation : scenario.fleet.generations) {
    slots_.emplace_back(static_cast<std::size_t>(generation.chips), -1);
    domains_.emplace_back(static_cast<std::size_t>(generation.chips), -1);
  }
  for (std::size_t slot = 0; slot < placement.index.size(); ++slot) {
    slots_[placement.generation[slot]][placement.index[slot]] = static_cast<std::int32_t>(slot);
    domains_[placement.generation[slot]][placement.index[slot]] = placement.domain[slot];
  }
}

/// Its chips as one group.
Layout ReplicaLinks::layout_of(const ReplicaPlace& place) const {
  Layout layout;
  layout.replicas = place.chips;
  const std::size_t g = place.generation;
  for (std::uint32_t i = place.first_chip; i < place.first_chip + place.chips; ++i) {
    layout.slot.push_back(slots_[g][i]);
    layout.generation.push_back(static_cast<std::uint8_t>(g));
    layout.domain.push_back(domains_[g][i]);
    layout.entity_low.push_back(i);
    layout.entity_high.push_back(scenario_.fleet.generations[g].identity);
  }
  return layout;
}

std::unique_ptr<Collective> ReplicaLinks::collective(const Layout& layout, double tokens) const {
  return collective_on(*scenario_.topology, {.operation = Operation::all_reduce,
                                             .fleet = scenario_.fleet,
                                             .layout = layout,
                                             .fabric = scenario_.fabric,
                                             .noise = scenario_.noise,
                                             .values = values_,
                                             .bytes = number_bytes * hidden_ * tokens,
                                             .groups = {layout.replicas, 1},
                                             .model_parallel = 1});
}

double ReplicaLinks::time_of(const Collective& collective, const LinkState& links,
                             std::int64_t chips) {
  const std::vector<double> ready(static_cast<std::size_t>(chips), 0.0);
  std::vector<double> finish(ready.size());
  collective.begin_trial(links)->run(MessageNoise{}, 0, 1, ready.data(), finish.data(), 1);
  return std::ranges::max(finish);
}

std::vector<double> ReplicaLinks::times(std::size_t generation, std::int64_t chips,
                                        std::int64_t most) const {
  if (static_cast<std::size_t>(chips) > slots_[generation].size()) return {0, 0};
  std::vector<double> times;
  const Layout layout = layout_of({generation, 0, static_cast<std::uint32_t>(chips)});
  for (std::int64_t tokens = 1; times.size() < 2 || tokens < 2 * most; tokens *= 2)
    times.push_back(time_of(*collective(layout, static_cast<double>(tokens)), {}, chips));
  return times;
}

bool ReplicaLinks::reach(std::size_t generation, std::int64_t chips) const {
  const Noise& noise = scenario_.noise;
  const bool any =
      noise.slow_link_fraction > 0 || noise.link_episodes.on() || noise.congestion.on();
  const double domain = scenario_.fleet.generations[generation].chip.scale_up_domain;
  return any && chips > 1 && (!scenario_.topology->is_local || static_cast<double>(chips) > domain);
}

ReplicaLinks::Course ReplicaLinks::of(std::span<const ReplicaPlace> places,
                                      const std::vector<bool>& reached, std::uint32_t trial,
                                      double end, const Execution& how) const {
  Course course{std::vector<LinkDelay>(places.size()), {}};
  const Noise& noise = scenario_.noise;
  std::vector<Replica> replicas;
  std::vector<EpisodeEntity> chips;
  for (std::size_t r = 0; r < places.size(); ++r) {
    const ReplicaPlace& place = places[r];
    if (!reached[place.generation]) continue;
    const Layout layout = layout_of(place);
    Replica one{static_cast<std::int32_t>(r), place, collective(layout, LinkDelay::few_tokens),
                collective(layout, LinkDelay::many_tokens)};
    one.healthy = {time_of(*one.few, {}, place.chips), time_of(*one.many, {}, place.chips)};
    one.lasting.assign(static_cast<std::size_t>(one.few->links_per_chip()) * place.chips, 1.0);
    replicas.push_back(std::move(one));
    for (std::size_t i = 0; i < place.chips; ++i)
      chips.push_back({layout.entity_low[i], layout.entity_high[i]});
  }
  if (replicas.empty()) return course;
  const auto links = static_cast<std::uint32_t>(replicas.front().few->links_per_chip());

  const Stream slow{scenario_.seed, purpose::slow_link, trial};
  for (std::uint32_t link = 0; link < links && noise.slow_link_fraction > 0; ++link)
    for (std::size_t g = 0; g < scenario_.fleet.generations.size(); ++g) {
      const FleetGeneration& generation = scenario_.fleet.generations[g];
      const std::vector<std::uint32_t> hit =
          rare_entities(slow, generation.identity, link,
                        static_cast<std::uint32_t>(generation.chips), noise.slow_link_fraction);
      for (Replica& one : replicas) {
        const ReplicaPlace& place = one.place;
        if (place.generation != g) continue;
        for (auto at = std::ranges::lower_bound(hit, place.first_chip);
             at != hit.end() && *at < place.first_chip + place.chips; ++at) {
          const std::uint64_t who = static_cast<std::uint64_t>(generation.identity) << 32 | *at;
          const double size = slow.uniform_pair(who, link)[1];
          one.lasting[link * place.chips + (*at - place.first_chip)] =
              std::max(1.0, noise.slow_link_factor.sample(size));
        }
      }
    }

  std::vector<Episodes> episodes;  // (links)
  const Stream episode{scenario_.seed, purpose::link_episode, trial};
  for (std::uint32_t link = 0; link < links && noise.link_episodes.on(); ++link)
    episodes.emplace_back(noise.link_episodes, episode.child(link, 0), chips);
  Congestion congestion(noise.congestion, {scenario_.seed, purpose::congestion, trial});

  std::vector<LinkDelay> now(places.size());
  const double step = std::max(1.0, end / 250);
  for (double time = 0; time < end; time += step) {
    bool changed = time == 0;
    for (Episodes& one : episodes) changed |= !one.advance(time).empty();
    changed |= congestion.advance(time);
    if (!changed) continue;
    std::size_t first = 0;  // chip
    for (const Replica& one : replicas) {
      how.check();
      std::vector<double> factors = one.lasting;
      const std::size_t size = one.place.chips;
      for (std::size_t link = 0; link < episodes.size(); ++link)
        for (std::size_t i = 0; i < size; ++i)
          factors[link * size + i] *= episodes[link].factors()[first + i];
      first += size;
      const LinkState state{factors, congestion.factors()};
      const auto count = static_cast<std::int64_t>(size);
      const LinkDelay delay{time_of(*one.few, state, count) - one.healthy.few,
                            time_of(*one.many, state, count) - one.healthy.many};
      LinkDelay& last = now[static_cast<std::size_t>(one.number)];
      if (delay == last) continue;
      last = delay;
      if (time > 0)
        course.changes.push_back({ticks_of(time), one.number, CellChange::Kind::links, 1, delay});
    }
    if (time == 0) course.delays = now;
  }
  return course;
}

}  // namespace lockstep
