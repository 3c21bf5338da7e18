#include "engine/noise/episodes.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

/// A time `wait` after `now`, and always after it, however late it is.
double after(double now, double wait) {
  return std::max(now + wait, std::nextafter(now, std::numeric_limits<double>::infinity()));
}

void keep_each_once(std::vector<std::size_t>& entities) {
  std::sort(entities.begin(), entities.end());
  entities.erase(std::unique(entities.begin(), entities.end()), entities.end());
}

}  // namespace

/// Quantile of the duration that covers a given instant: density x f(x) / E[x], tabulated as the
/// inverse of u -> (1/E) integral_0^u Q by the midpoint rule.
class Episodes::LengthBiased {
 public:
  explicit LengthBiased(const Distribution& law) : law_(law), share_(points + 1) {
    for (std::size_t i = 0; i < points; ++i)
      share_[i + 1] = share_[i] + law.quantile((static_cast<double>(i) + 0.5) / points);
    for (double& share : share_) share /= share_.back();
  }
  double quantile(double u) const {
    const auto above = std::upper_bound(share_.begin() + 1, share_.end() - 1, u);
    const auto i = static_cast<std::size_t>(above - share_.begin()) - 1;
    const double width = share_[i + 1] - share_[i];
    const double part = width > 0 ? (u - share_[i]) / width : 0.5;
    const double p = (static_cast<double>(i) + part) / points;
    return law_.quantile(std::clamp(p, 0x1p-53, 1 - 0x1p-53));
  }

 private:
  static constexpr std::size_t points = 4096;
  const Distribution& law_;
  std::vector<double> share_;
};

double EpisodeLaw::prevalence() const {
  const double load = rate * duration.mean();
  return load / (1 + load);
}

Episodes::Episodes(const EpisodeLaw& law, const Stream& stream, std::vector<EpisodeEntity> entities)
    : law_(law),
      stream_(stream),
      entities_(std::move(entities)),
      factor_(entities_.size(), 1.0),
      in_episode_(entities_.size(), 0),
      draws_(entities_.size(), 0) {
  const LengthBiased covering(law.duration);
  changes_.reserve(entities_.size());
  for (std::uint32_t e = 0; e < entities_.size(); ++e)
    changes_.push_back({next_change(e, 0, covering), e});
  std::make_heap(changes_.begin(), changes_.end(), std::greater<>{});
}

double Episodes::next_change(std::uint32_t e, double now, const LengthBiased& covering) {
  const auto [state, left] = draw(e);
  in_episode_[e] = state < law_.prevalence();
  if (!in_episode_[e]) {
    factor_[e] = 1;
    return after(now, healthy_time(left));
  }
  const auto [length, size] = draw(e);
  factor_[e] = std::max(1.0, law_.slowdown.sample(size));
  return after(now, left * covering.quantile(length));
}

std::array<double, 2> Episodes::draw(std::uint32_t entity) {
  const EpisodeEntity& who = entities_[entity];
  return stream_.uniform_pair((static_cast<std::uint64_t>(who.high) << 32) | who.low,
                              draws_[entity]++);
}

double Episodes::healthy_time(double u) const {
  return -elementary::log(u) / law_.rate;
}

std::vector<std::size_t> Episodes::advance(double now) {
  // After so many changes nothing is left of the state before: drawn anew, or a step of an age at a
  // rate of nanoseconds would never end.
  constexpr double most_cycles = 1000;
  const double forgotten = most_cycles * (1 / law_.rate + law_.duration.mean());
  std::optional<LengthBiased> covering;
  std::vector<std::size_t> changed;
  while (!changes_.empty() && changes_.front().time <= now) {
    std::pop_heap(changes_.begin(), changes_.end(), std::greater<>{});
    Change& change = changes_.back();
    const std::uint32_t e = change.entity;
    if (now - change.time > forgotten) {
      if (!covering) covering.emplace(law_.duration);
      change.time = next_change(e, now, *covering);
    } else {
      const auto [length, size] = draw(e);
      factor_[e] = in_episode_[e] ? 1 : std::max(1.0, law_.slowdown.sample(size));
      change.time =
          after(change.time, in_episode_[e] ? healthy_time(length) : law_.duration.sample(length));
      in_episode_[e] ^= 1;
    }
    changed.push_back(e);
    if (changed.size() > 1000 + 2 * entities_.size()) keep_each_once(changed);
    std::push_heap(changes_.begin(), changes_.end(), std::greater<>{});
  }
  keep_each_once(changed);
  return changed;
}

}  // namespace lockstep
