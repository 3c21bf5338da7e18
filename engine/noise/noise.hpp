#pragma once

#include <cstdint>
#include <span>

#include "engine/base/distribution.hpp"
#include "engine/base/parameter.hpp"
#include "engine/base/random.hpp"
#include "engine/noise/congestion.hpp"
#include "engine/noise/episodes.hpp"
#include "engine/noise/message_jitter.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose step_jitter{2};
inline constexpr Purpose straggler{3};
inline constexpr Purpose slow_link{4};
inline constexpr Purpose spike{5};
inline constexpr Purpose hop_jitter{6};
inline constexpr Purpose imbalance{7};
}  // namespace purpose

/// Everything random about a step but the chips themselves.
struct Noise {
  double step_jitter = 0;        ///< sigma of a chip's step factor, lognormal of mean 1
  double operation_jitter = 0;   ///< sigma of one operation, for tensor-parallel groups
  double imbalance = 0;          ///< sigma of a replica's step factor (sequence lengths)
  MessageJitter hop_jitter;      ///< per message [s]
  double spike_probability = 0;  ///< per message
  Distribution spike_delay;      ///< [s]
  double straggler_fraction = 0;
  Distribution straggler_slowdown;  ///< factor on compute time; below 1 counts as 1
  double slow_link_fraction = 0;
  Distribution slow_link_factor;  ///< factor on a link's serialization; below 1 counts as 1
  EpisodeLaw compute_episodes;    ///< of a chip; slowdown on its compute time
  EpisodeLaw link_episodes;       ///< of a link; slowdown on its serialization
  CongestionLaw congestion;       ///< of a tier of the switched fabric

  /// Everything on is independent from chip to chip and step to step, so that it averages out.
  bool only_independent() const {
    return straggler_fraction == 0 && slow_link_fraction == 0 && !compute_episodes.on() &&
           !link_episodes.on() && !congestion.on();
  }
  bool operator==(const Noise&) const = default;
};

std::span<const Parameter> noise_parameters();
Noise noise_from(const Values& values);

/// Where a group's spikes go on: behind a message and a number of draws.
struct SpikeStart {
  std::int64_t group = 0, message = -1;
  std::uint32_t draws = 0;
};

/// The random delays of one step's messages. A message is known by its group and its number in
/// the group's message graph.
struct MessageNoise {
  Stream spikes, jitter;  ///< of this (trial, step)
  double spike_probability = 0;
  const Distribution* spike_delay = nullptr;
  const MessageJitter* hop_jitter = nullptr;  ///< null when off
  /// Of a group's messages in several calls, those before this one; they count in spikes alone.
  std::int64_t first_message = 0;
  /// Of such a call, in the order of groups, all that have spikes, so that nobody passes by those
  /// of the calls before; or empty.
  std::span<const SpikeStart> starts = {};

  /// Dense delays [s] of the messages first, first + 1, ... of `group`, with hop_jitter on.
  void dense(std::int64_t group, std::int64_t first, std::span<float> delay) const {
    hop_jitter->fill(jitter, group, first, delay);
  }
  /// The same of one message, at the cost of a call: 0.1 us.
  double dense(std::int64_t group, std::int64_t message) const {
    float delay = 0;
    dense(group, message, {&delay, 1});
    return static_cast<double>(delay);
  }
};

/// Of one (trial, step), and of one of its phases: each has streams of its own.
MessageNoise message_noise(const Noise& noise, std::uint64_t seed, std::uint32_t trial,
                           std::uint32_t step, std::uint32_t phase = 0);

/// The spikes among messages 0 .. messages-1 of one group, in order, as they are numbered in the
/// noise's call: independent events of equal probability, found by geometric gaps (Devroye,
/// Non-Uniform Random Variate Generation, 1986, X.2). Draws: one block a spike and one more at the
/// end, in a call without MessageNoise::starts those of calls before too; cost O(spikes).
class SpikeSequence {
 public:
  SpikeSequence(const MessageNoise& noise, std::int64_t group, std::int64_t messages);
  bool done() const { return message_ >= end_; }
  std::int64_t message() const { return message_ - noise_->first_message; }
  double delay() const { return delay_; }  ///< [s]
  void next();
  /// From where this spike is the next one.
  SpikeStart start() const { return {group_, before_, draws_ - 1}; }

 private:
  const MessageNoise* noise_;
  std::int64_t group_, end_, before_ = -1, message_ = -1;
  double delay_ = 0, log_keep_ = 0;
  std::uint32_t draws_ = 0;
};

/// Adds the noise of one row of messages, numbers first_message on, to their arrivals. `spikes`
/// stands at or after the row's first message and is left after its last.
void add_row_noise(const MessageNoise& noise, SpikeSequence& spikes, std::int64_t group,
                   std::int64_t first_message, std::span<double> arrival);

}  // namespace lockstep
