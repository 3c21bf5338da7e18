#include "engine/noise/noise.hpp"

#include <algorithm>
#include <array>

#include "engine/base/elementary.hpp"
#include "engine/base/field.hpp"

namespace lockstep {
namespace {

// Rates at which a job of `n` chips, watched for an hour, meets an episode of mean duration d with
// the published chance p: -log(1 - p) = n rate (1 h + d), in 1/s. FALCON (arXiv 2410.12588).
constexpr double hour = 3600, minute = 60;
constexpr double published_compute_rate = 0.015114 / (8 * (hour + 10 * minute));  // p = 0.015
constexpr double published_link_rate = 0.510826 / (32 * (hour + 24 * minute));    // p = 0.40

const std::vector<Field<Noise>>& noise_fields() {
  constexpr std::string_view traces = "ByteDance traces (OSDI'25, arXiv 2505.05713), derived";
  static const std::vector<Field<Noise>> fields{
      {&Noise::step_jitter,
       {.key = "noise.step_jitter",
        .number = 120,
        .default_text = "0.004",
        .maximum = 2,
        .summary = "sigma of the lognormal (mean 1) of each chip's compute time, one draw a step",
        .source = traces}},
      {&Noise::operation_jitter,
       {.key = "noise.operation_jitter",
        .number = 121,
        .default_text = "0.02",
        .maximum = 2,
        .summary = "sigma of one operation; with tensor > 1 every synchronization waits for the "
                   "slowest of its chips",
        .source = "0.017-0.030, ByteDance traces (OSDI'25, arXiv 2505.05713), derived"}},
      {&Noise::imbalance,
       {.key = "noise.imbalance",
        .number = 122,
        .default_text = "0",
        .maximum = 4,
        .summary = "sigma of the lognormal (mean 1) of each replica's work, one draw a step "
                   "(sequence lengths)",
        .source = "off; 21.4 % of jobs lose 1.34x on average to it (arXiv 2505.05713)"}},
      {&Noise::hop_jitter,
       {.key = "noise.hop_jitter",
        .number = 123,
        .type = ValueType::law,
        .dimension = Dimension::time,
        .default_text = "none",
        .each = "message",
        .summary = "dense delay of every message",
        .source = "off: no fitted law of RDMA jitter is published"}},
      {&Noise::spike_probability,
       {.key = "noise.spike_probability",
        .number = 124,
        .default_text = "0",
        .maximum = 1,
        .summary = "chance that a message is hit by a spike",
        .source = "off: no rate is published"}},
      {&Noise::spike_delay,
       {.key = "noise.spike_delay",
        .number = 125,
        .type = ValueType::law,
        .dimension = Dimension::time,
        .default_text = "exponential(mean=1ms)",
        .each = "message hit by a spike",
        .needs = {"noise.spike_probability"},
        .summary = "delay of a message hit by a spike",
        .source = "assumption, range 100 us - 100 ms (retransmission, flap of a link)"}},
      {&Noise::straggler_fraction,
       {.key = "noise.straggler_fraction",
        .number = 126,
        .default_text = "0",
        .maximum = 1,
        .summary = "share of chips slow for the whole trial",
        .source = "off; 0.005 of machines in MegaScale (NSDI'24)"}},
      {&Noise::straggler_slowdown,
       {.key = "noise.straggler_slowdown",
        .number = 127,
        .type = ValueType::law,
        .default_text = "1.1",
        .maximum = 1e12,
        .is_factor = true,
        .each = "straggler",
        .needs = {"noise.straggler_fraction"},
        .summary = "factor on a straggler's compute time (a law: one draw "
                   "a straggler; below 1 counts as 1)",
        .source = "about 10 % slower: MegaScale (NSDI'24)"}},
      {&Noise::slow_link_fraction,
       {.key = "noise.slow_link_fraction",
        .number = 128,
        .default_text = "0",
        .maximum = 1,
        .summary = "share of links slow for the whole trial",
        .source = "off: no rate is published"}},
      {&Noise::slow_link_factor,
       {.key = "noise.slow_link_factor",
        .number = 129,
        .type = ValueType::law,
        .default_text = "2",
        .maximum = 1e12,
        .is_factor = true,
        .each = "slow link",
        .needs = {"noise.slow_link_fraction"},
        .summary = "factor on a slow link's serialization time (a law: one "
                   "draw a slow link; below 1 counts as 1)",
        .source =
            "assumption, range 1.1-5 (a link trained to half its rate is 2; congestion cuts up "
            "to 80 %, FALCON, arXiv 2410.12588)"}},
      {[](Noise& noise, const Values& values) {
         const std::string& tenancy = values.text("noise.tenancy");
         noise.compute_episodes.rate = tenancy == "none" ? 0 : published_compute_rate;
         noise.link_episodes.rate = tenancy == "multi" ? published_link_rate : 0;
       },
       {.key = "noise.tenancy",
        .number = 130,
        .type = ValueType::choice,
        .default_text = "none",
        .words = {"none", "single", "multi"},
        .shapes_arrays = true,
        .summary = "what the episode rates are where they are auto: none, those of a cluster of "
                   "one's own (compute only), or those of a shared one (compute and links)",
        .source = "FALCON (arXiv 2410.12588)"}},
      {{&Noise::compute_episodes, &EpisodeLaw::rate},
       {.key = "noise.compute_episode_rate",
        .number = 131,
        .dimension = Dimension::rate,
        .default_text = "auto",
        .words = {"auto"},
        .summary = "onsets of slow compute of one healthy chip; auto: by noise.tenancy",
        .source = "0.039/d: 1.5 % of one-node jobs meet one, mean 10 min (FALCON, arXiv "
                  "2410.12588), if a job is watched for 1 h (assumption, range 0.5-4 h)"}},
      {{&Noise::compute_episodes, &EpisodeLaw::duration},
       {.key = "noise.compute_episode_duration",
        .number = 132,
        .type = ValueType::law,
        .dimension = Dimension::time,
        .default_text = "exponential(mean=10min)",
        .each = "episode",
        .needs = {"noise.tenancy", "noise.compute_episode_rate"},
        .summary = "how long an episode of slow compute lasts",
        .source = "mean 10 min: FALCON (arXiv 2410.12588); the law is an assumption"}},
      {{&Noise::compute_episodes, &EpisodeLaw::slowdown},
       {.key = "noise.compute_episode_slowdown",
        .number = 133,
        .type = ValueType::law,
        .default_text = "1.2",
        .maximum = 1e12,
        .is_factor = true,
        .each = "episode",
        .needs = {"noise.tenancy", "noise.compute_episode_rate"},
        .summary = "factor on the compute time of a chip in an episode (below 1 counts as 1)",
        .source = "assumption, range 1.1-2.5"}},
      {{&Noise::link_episodes, &EpisodeLaw::rate},
       {.key = "noise.link_episode_rate",
        .number = 134,
        .dimension = Dimension::rate,
        .default_text = "auto",
        .words = {"auto"},
        .summary = "onsets of slowness of one healthy link; auto: by noise.tenancy",
        .source = "0.27/d: 40 % of four-node jobs meet one, mean 24 min (FALCON, arXiv "
                  "2410.12588), if a job is watched for 1 h (assumption, range 0.5-4 h); "
                  "independent links then hit every job of 1,024 chips, where FALCON saw 59 %"}},
      {{&Noise::link_episodes, &EpisodeLaw::duration},
       {.key = "noise.link_episode_duration",
        .number = 135,
        .type = ValueType::law,
        .dimension = Dimension::time,
        .default_text = "exponential(mean=24min)",
        .each = "episode",
        .needs = {"noise.tenancy", "noise.link_episode_rate"},
        .summary = "how long an episode of a slow link lasts",
        .source = "mean 24 min: FALCON (arXiv 2410.12588); the law is an assumption"}},
      {{&Noise::link_episodes, &EpisodeLaw::slowdown},
       {.key = "noise.link_episode_slowdown",
        .number = 136,
        .type = ValueType::law,
        .default_text = "2",
        .maximum = 1e12,
        .is_factor = true,
        .each = "episode",
        .needs = {"noise.tenancy", "noise.link_episode_rate"},
        .summary = "factor on the serialization time of a link in an episode (below 1 counts as 1)",
        .source =
            "assumption, range 1.1-5 (congestion cuts up to 80 %, FALCON, arXiv 2410.12588)"}},
      {{&Noise::congestion, &CongestionLaw::factor},
       {.key = "noise.congestion",
        .number = 137,
        .type = ValueType::law,
        .default_text = "none",
        .maximum = 1e12,
        .is_factor = true,
        .each = "tier and step",
        .summary =
            "factor on the serialization time of all hops of one tier (leaf, spine, core) of "
            "a switched fabric: one a tier and step (below 1 counts as 1)",
        .source = "off: no law is published; congestion cuts throughput by up to 80 % (FALCON, "
                  "arXiv 2410.12588)"}},
      {{&Noise::congestion, &CongestionLaw::time},
       {.key = "noise.congestion_time",
        .number = 138,
        .dimension = Dimension::time,
        .default_text = "1min",
        .needs = {"noise.congestion"},
        .summary = "time over which the correlation of a tier's congestion falls to 1/e",
        .source = "assumption, range 1 s - 1 h"}},
  };
  return fields;
}

}  // namespace

std::span<const Parameter> noise_parameters() {
  static const std::vector<Parameter> rows = rows_of(noise_fields());
  return rows;
}

Noise noise_from(const Values& values) {
  return read_fields(noise_fields(), values);
}

MessageNoise message_noise(const Noise& noise, std::uint64_t seed, std::uint32_t trial,
                           std::uint32_t step, std::uint32_t phase) {
  return {.spikes = Stream{seed, purpose::spike, trial}.child(phase, step),
          .jitter = Stream{seed, purpose::hop_jitter, trial}.child(phase, step),
          .spike_probability = noise.spike_probability,
          .spike_delay = &noise.spike_delay,
          .hop_jitter = noise.hop_jitter.is_none() ? nullptr : &noise.hop_jitter};
}

SpikeSequence::SpikeSequence(const MessageNoise& noise, std::int64_t group, std::int64_t messages)
    : noise_(&noise), group_(group), end_(noise.first_message + messages), message_(end_) {
  if (!(noise.spike_probability > 0)) return;
  SpikeStart start{.group = group};
  if (!noise.starts.empty()) {
    const auto at = std::ranges::lower_bound(noise.starts, group, {}, &SpikeStart::group);
    if (at == noise.starts.end() || at->group != group) return;
    start = *at;
  }
  message_ = start.message;
  draws_ = start.draws;
  log_keep_ = elementary::log1p(-noise.spike_probability);
  do next();
  while (message_ < noise.first_message);
}

void SpikeSequence::next() {
  const auto [place, size] =
      noise_->spikes.uniform_pair(static_cast<std::uint64_t>(group_), draws_++);
  const double gap = elementary::log(place) / log_keep_;
  before_ = message_;
  message_ = gap >= static_cast<double>(end_ - message_)
                 ? end_
                 : message_ + 1 + static_cast<std::int64_t>(gap);
  if (message_ >= noise_->first_message && !done()) delay_ = noise_->spike_delay->sample(size);
}

void add_row_noise(const MessageNoise& noise, SpikeSequence& spikes, std::int64_t group,
                   std::int64_t first_message, std::span<double> arrival) {
  const auto count = static_cast<std::int64_t>(arrival.size());
  if (noise.hop_jitter) {
    std::array<float, 4 * jitter_tile> delay;
    for (std::size_t done = 0; done < arrival.size(); done += delay.size()) {
      const auto part = arrival.subspan(done, std::min(delay.size(), arrival.size() - done));
      noise.dense(group, first_message + static_cast<std::int64_t>(done),
                  std::span(delay).first(part.size()));
      for (std::size_t i = 0; i < part.size(); ++i) part[i] += static_cast<double>(delay[i]);
    }
  }
  for (; !spikes.done() && spikes.message() < first_message + count; spikes.next())
    arrival[static_cast<std::size_t>(spikes.message() - first_message)] += spikes.delay();
}

}  // namespace lockstep
