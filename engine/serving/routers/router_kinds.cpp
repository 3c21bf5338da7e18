#include <algorithm>
#include <limits>

#include "engine/serving/cell/winner_tree.hpp"
#include "engine/serving/routers/router.hpp"

namespace lockstep {
namespace {

/// The index-th of those that are up, from a uniform.
std::int32_t any_up(const RouterView& view, double u) {
  const auto count = static_cast<double>(view.replicas());
  if (view.count_up == view.replicas()) return static_cast<std::int32_t>(u * count);
  auto left = static_cast<std::int64_t>(u * static_cast<double>(view.count_up));
  for (std::int32_t i = 0;; ++i)
    if (view.up[static_cast<std::size_t>(i)] && left-- == 0) return i;
}

class Random final : public Router {
 public:
  explicit Random(const RouterView& view) : view_(view) {}
  std::int32_t choose(const std::array<double, 2>& u) override { return any_up(view_, u[0]); }

 private:
  const RouterView& view_;
};

class RoundRobin final : public Router {
 public:
  explicit RoundRobin(const RouterView& view) : view_(view) {}
  std::int32_t choose(const std::array<double, 2>&) override {
    do last_ = last_ + 1 == view_.replicas() ? 0 : last_ + 1;
    while (!view_.up[static_cast<std::size_t>(last_)]);
    return last_;
  }

 private:
  const RouterView& view_;
  std::int32_t last_ = -1;
};

class WeightedRandom final : public Router {
 public:
  explicit WeightedRandom(const RouterView& view) : view_(view) { sum(); }
  std::int32_t choose(const std::array<double, 2>& u) override {
    const auto above =
        std::upper_bound(before_.begin() + 1, before_.end() - 1, u[0] * before_.back());
    return static_cast<std::int32_t>(above - before_.begin()) - 1;
  }
  void changed(std::int32_t, std::uint32_t) override {
    if (view_.count_up != summed_) sum();
  }

 private:
  void sum() {
    before_.assign(1, 0);
    for (std::size_t i = 0; i < view_.rate.size(); ++i)
      before_.push_back(before_.back() + (view_.up[i] ? view_.rate[i] : 0));
    summed_ = view_.count_up;
  }
  const RouterView& view_;
  std::vector<double> before_;
  std::int64_t summed_ = 0;
};

/// Mitzenmacher, "The power of two choices in randomized load balancing", IEEE TPDS 12 (2001).
class PowerOfTwo final : public Router {
 public:
  explicit PowerOfTwo(const RouterView& view) : view_(view) {}
  std::int32_t choose(const std::array<double, 2>& u) override {
    const std::int32_t a = any_up(view_, u[0]);
    if (view_.count_up == 1) return a;
    // Another one: of the rest, each alike.
    const auto rest = static_cast<double>(view_.count_up - 1);
    const auto place = static_cast<std::int64_t>(u[1] * rest);
    std::int32_t b;
    if (view_.count_up == view_.replicas()) {
      b = static_cast<std::int32_t>(place + (place >= a));
    } else {
      std::int64_t left = place;
      for (b = 0;; ++b)
        if (b != a && view_.up[static_cast<std::size_t>(b)] && left-- == 0) break;
    }
    return view_.outstanding[static_cast<std::size_t>(b)] <
                   view_.outstanding[static_cast<std::size_t>(a)]
               ? b
               : a;
  }

 private:
  const RouterView& view_;
};

/// The replica with the least score, ties at random.
template <double (*score)(const RouterView&, std::size_t)>
class Least final : public Router {
 public:
  explicit Least(const RouterView& view) : view_(view), scores_(view.rate.size(), {}) {
    for (std::int32_t i = 0; i < view.replicas(); ++i)
      changed(i, static_cast<std::uint32_t>(i) * 2654435769U);
  }
  std::int32_t choose(const std::array<double, 2>&) override { return scores_.winner(); }
  void changed(std::int32_t replica, std::uint32_t tie) override {
    const auto i = static_cast<std::size_t>(replica);
    scores_.set(replica,
                {view_.up[i] ? score(view_, i) : std::numeric_limits<double>::infinity(), tie});
  }

 private:
  struct Score {
    double value = 0;
    std::uint32_t tie = 0;
    bool operator<(const Score& other) const {
      return value != other.value ? value < other.value : tie < other.tie;
    }
  };
  const RouterView& view_;
  WinnerTree<Score> scores_;
};

double by_count(const RouterView& view, std::size_t i) {
  return static_cast<double>(view.outstanding[i]);
}
double by_wait(const RouterView& view, std::size_t i) {
  return view.work[i] + 1 / view.rate[i];
}
double by_speed(const RouterView& view, std::size_t i) {
  return static_cast<double>(view.outstanding[i] + 1) / view.rate[i];
}

template <class Kind>
std::unique_ptr<Router> make(const RouterView& view) {
  return std::make_unique<Kind>(view);
}

}  // namespace

std::span<const RouterKind> router_kinds() {
  static constexpr RouterKind rows[] = {
      {"random", "any replica alike", false, true, make<Random>},
      {"round_robin", "one after another", false, true, make<RoundRobin>},
      {"weighted_random", "any, in proportion to its generation's rated speed", false, false,
       make<WeightedRandom>},
      {"power_of_two", "the one of two at random with fewer requests", true, false,
       make<PowerOfTwo>},
      {"least_outstanding", "the one with the fewest requests, join the shortest queue", true,
       false, make<Least<by_count>>},
      {"jsq_speed", "the one with the fewest requests over its rated speed, the new one counted",
       true, false, make<Least<by_speed>>},
      {"least_expected_wait",
       "the one with the least work over its rated speed: prompts as they are, outputs as expected",
       true, false, make<Least<by_wait>>},
  };
  return rows;
}

}  // namespace lockstep
