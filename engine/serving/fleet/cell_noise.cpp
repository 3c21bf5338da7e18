#include "engine/serving/fleet/cell_noise.hpp"

#include <algorithm>
#include <cmath>

#include "engine/noise/rare_entities.hpp"
#include "engine/training/step_kernels.hpp"
#include "engine/training/trial/trial_chips.hpp"

namespace lockstep {

std::vector<std::vector<double>> relative_speeds(const Fleet& fleet, const Placement& placement) {
  std::vector<std::vector<double>> speeds;
  if (placement.speed.empty()) return speeds;
  for (const FleetGeneration& generation : fleet.generations)
    speeds.emplace_back(static_cast<std::size_t>(generation.chips), 1.0);
  for (std::size_t slot = 0; slot < placement.speed.size(); ++slot)
    speeds[placement.generation[slot]][placement.index[slot]] = placement.speed[slot];
  return speeds;
}

CellNoise::CellNoise(const Fleet& fleet, const Noise& noise,
                     const std::vector<std::vector<double>>& relative, std::uint64_t seed,
                     std::uint32_t trial)
    : fleet_(fleet), noise_(noise), relative_(relative), seed_(seed), trial_(trial) {
  for (const FleetGeneration& generation : fleet.generations)
    stragglers_.push_back(rare_entities({seed, purpose::straggler, trial}, generation.identity, 0,
                                        static_cast<std::uint32_t>(generation.chips),
                                        noise.straggler_fraction));
}

/// (chips of the replica)
std::vector<double> CellNoise::lasting(const ReplicaPlace& place) const {
  const std::uint32_t identity = fleet_.generations[place.generation].identity;
  std::vector<double> slowness(place.chips, 1.0);
  if (const double spread = fleet_.chip_spread; spread > 0) {
    std::vector<float> delay(place.chips);
    step_kernels().lognormals(
        {seed_, purpose::chip_speed, trial_}, {identity, place.first_chip, place.chips}, 0,
        static_cast<float>(spread), static_cast<float>(0.5 * spread * spread), delay.data());
    for (std::size_t i = 0; i < slowness.size(); ++i) slowness[i] += static_cast<double>(delay[i]);
  }
  if (!relative_.empty())
    for (std::size_t i = 0; i < slowness.size(); ++i)
      slowness[i] /= relative_[place.generation][place.first_chip + i];
  const std::vector<std::uint32_t>& slow = stragglers_[place.generation];
  const Stream stream{seed_, purpose::straggler, trial_};
  for (auto at = std::ranges::lower_bound(slow, place.first_chip);
       at != slow.end() && *at < place.first_chip + place.chips; ++at) {
    const std::uint64_t who = static_cast<std::uint64_t>(identity) << 32 | *at;
    const double size = stream.uniform_pair(who, 0)[1];
    slowness[*at - place.first_chip] *= std::max(1.0, noise_.straggler_slowdown.sample(size));
  }
  return slowness;
}

CellNoise::Course CellNoise::of(std::span<const ReplicaPlace> places, double end) const {
  Course course;
  std::vector<double> lasting_all;
  std::vector<EpisodeEntity> chips;
  std::vector<std::int32_t> replica_of;
  std::vector<std::size_t> first;  // chip of each replica
  for (std::size_t r = 0; r < places.size(); ++r) {
    const ReplicaPlace& place = places[r];
    const std::vector<double> own = lasting(place);
    first.push_back(lasting_all.size());
    lasting_all.insert(lasting_all.end(), own.begin(), own.end());
    course.slowness.push_back(std::ranges::max(own));
    for (std::uint32_t i = 0; i < place.chips; ++i) {
      chips.push_back({place.first_chip + i, fleet_.generations[place.generation].identity});
      replica_of.push_back(static_cast<std::int32_t>(r));
    }
  }
  if (!noise_.compute_episodes.on()) return course;
  Episodes episodes(noise_.compute_episodes, {seed_, purpose::compute_episode, trial_},
                    std::move(chips));
  const auto slowest = [&](std::size_t r) {
    double most = 0;
    for (std::size_t i = first[r]; i < first[r] + places[r].chips; ++i)
      most = std::max(most, lasting_all[i] * episodes.factors()[i]);
    return most;
  };
  episodes.advance(0);
  for (std::size_t r = 0; r < places.size(); ++r) course.slowness[r] = slowest(r);
  const double step = std::max(1.0, end / 1000);
  std::vector<double> now = course.slowness;
  for (double time = step; time < end; time += step)
    for (const std::size_t chip : episodes.advance(time)) {
      const auto r = static_cast<std::size_t>(replica_of[chip]);
      const double slowness = slowest(r);
      if (slowness == now[r]) continue;
      now[r] = slowness;
      course.changes.push_back(
          {ticks_of(time), replica_of[chip], CellChange::Kind::slowness, slowness});
    }
  return course;
}

}  // namespace lockstep
