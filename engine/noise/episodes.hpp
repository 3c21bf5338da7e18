#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/base/distribution.hpp"
#include "engine/base/random.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose compute_episode{11};
inline constexpr Purpose link_episode{12};
}  // namespace purpose

/// Slowness that comes and goes: how often, how long, how much.
struct EpisodeLaw {
  double rate = 0;        ///< onsets of one healthy chip or link [1/s]; 0 is off
  Distribution duration;  ///< [s], finite mean
  Distribution slowdown;  ///< factor; below 1 counts as 1

  bool on() const { return rate > 0 && duration.mean() > 0; }
  /// Share of time in an episode: rate E[duration] / (1 + rate E[duration]).
  double prevalence() const;
  bool operator==(const EpisodeLaw&) const = default;
};

/// Who may have episodes: chips (or their links) by random identity.
struct EpisodeEntity {
  std::uint32_t low = 0, high = 0;
};

/// Episodes of many entities over one trial's time: alternating renewal processes, healthy times
/// exponential, in their stationary law at time 0. An entity found in an episode at time 0 has a
/// length-biased duration of which a uniform share is left (Cox, Renewal Theory, 1962, section
/// 5.4); the length-biased quantile is tabulated at 4,096 points.
/// Draws: per entity one block at the start (two if in an episode), one a change. Cost O(entities)
/// at the start, O(log entities) a change.
class Episodes {
 public:
  /// stream.purpose tells compute from link episodes. `law` must outlive it.
  Episodes(const EpisodeLaw& law, const Stream& stream, std::vector<EpisodeEntity> entities);

  /// Factor of each entity at the time of the last advance.
  const std::vector<double>& factors() const { return factor_; }
  /// Moves on to `now` [s], not before the last; returns the entities whose factor changed, each
  /// once. One with more than 1,000 mean cycles behind it is drawn anew from the stationary law.
  std::vector<std::size_t> advance(double now);

 private:
  struct Change {
    double time;
    std::uint32_t entity;
    bool operator>(const Change& other) const {
      return time != other.time ? time > other.time : entity > other.entity;
    }
  };
  class LengthBiased;
  std::array<double, 2> draw(std::uint32_t entity);
  /// Draws the entity's state at `now` from the stationary law; when it changes next [s].
  double next_change(std::uint32_t e, double now, const LengthBiased& covering);
  double healthy_time(double u) const;

  const EpisodeLaw& law_;
  Stream stream_;
  std::vector<EpisodeEntity> entities_;
  std::vector<double> factor_;
  std::vector<std::uint8_t> in_episode_;
  std::vector<std::uint32_t> draws_;  // used so far, of each entity
  std::vector<Change> changes_;       // a heap, earliest first
};

}  // namespace lockstep
