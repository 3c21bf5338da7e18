#include "engine/training/trial/trial_episodes.hpp"

namespace lockstep {
namespace {

std::vector<EpisodeEntity> chips_of(const Layout& layout) {
  std::vector<EpisodeEntity> chips;
  for (std::size_t i = 0; i < layout.entity_low.size(); ++i)
    chips.push_back({layout.entity_low[i], layout.entity_high[i]});
  return chips;
}

}  // namespace

TrialEpisodes::TrialEpisodes(const DesignPoint& point, std::uint32_t trial, TrialChips& chips) {
  const Noise& noise = point.scenario().noise;
  const std::uint64_t seed = point.scenario().seed;
  if (noise.compute_episodes.on()) {
    lasting_compute_ = chips.compute;
    compute_.emplace(noise.compute_episodes, Stream{seed, purpose::compute_episode, trial},
                     chips_of(point.layout()));
  }
  if (noise.link_episodes.on()) {
    const int links = point.links_per_chip();
    if (chips.link_factor.empty())
      chips.link_factor.assign(static_cast<std::size_t>(links * point.layout().chips()), 1.0);
    lasting_link_ = chips.link_factor;
    const Stream stream{seed, purpose::link_episode, trial};
    for (int link = 0; link < links; ++link)
      links_.emplace_back(noise.link_episodes, stream.child(static_cast<std::uint64_t>(link), 0),
                          chips_of(point.layout()));
  }
}

TrialEpisodes::Change TrialEpisodes::advance(double now, TrialChips& chips) {
  Change change;
  const auto apply = [&](Episodes& episodes, const std::vector<double>& lasting, std::size_t first,
                         std::vector<double>& current) {
    const bool changed = !episodes.advance(now).empty() || !begun_;
    if (changed)
      for (std::size_t i = 0; i < episodes.factors().size(); ++i)
        current[first + i] = lasting[first + i] * episodes.factors()[i];
    return changed;
  };
  if (compute_) change.compute = apply(*compute_, lasting_compute_, 0, chips.compute);
  for (std::size_t link = 0; link < links_.size(); ++link)
    change.links |=
        apply(links_[link], lasting_link_, link * links_[link].factors().size(), chips.link_factor);
  begun_ = true;
  return change;
}

}  // namespace lockstep
