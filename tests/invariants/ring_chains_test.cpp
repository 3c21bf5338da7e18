// The fast ring against the recursion it stands for, written out here.

#include "topologies/algorithms/ring/ring_chains.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "topologies/algorithms/ring/latest/ring_latest.hpp"
#include "topologies/algorithms/ring/ring_sweep.hpp"

namespace lockstep::test {
namespace {

constexpr double tolerance = 1e-12;  // relative; sums associate differently

double latest_of(const std::vector<double>& finish, const std::vector<double>& after) {
  double latest = -1e300;
  for (std::size_t i = 0; i < finish.size(); ++i) latest = std::max(latest, finish[i] + after[i]);
  return latest;
}

/// A ring with late messages. Hops by `kind`: equal; a slow one in eight; all different; a few of
/// three gaps without latency; waits that cost nothing.
struct Ring {
  std::int64_t rows = 0;
  std::vector<double> latency, gap, ready;
  std::vector<RingEvent> events;

  Ring(std::mt19937_64& random, std::int64_t given_rows, std::int64_t ranks, int kind,
       double spikes, double delay)
      : rows(given_rows) {
    std::uniform_real_distribution<double> uniform(0, 1);
    const double spread = kind % 2 ? 10 * uniform(random) : 0;
    for (std::int64_t i = 0; i < ranks; ++i) {
      const double u = uniform(random);
      const double gaps[] = {1, i % 8 ? 0.2 : 1, u, u < 0.1 ? 3 : u < 0.5 ? 1 : 0.5, 0};
      gap.push_back(gaps[kind]);
      latency.push_back(gap.back() + (kind == 3 ? 0 : kind == 2 ? uniform(random) : 0.3));
      ready.push_back(spread * uniform(random));
    }
    for (std::int64_t k = 0; k < rows; ++k)
      for (std::int64_t i = 0; i < ranks; ++i)
        if (uniform(random) < spikes)
          events.push_back({static_cast<std::int32_t>(k), static_cast<std::int32_t>(i),
                            -delay * std::log(1 - uniform(random))});
  }

  std::vector<double> recursion() const {
    const auto ranks = static_cast<std::int64_t>(gap.size());
    std::vector<double> now = ready, before;
    auto event = events.begin();
    for (std::int64_t k = 0; k < rows; ++k) {
      before = now;
      for (std::int64_t i = 0; i < ranks; ++i) {
        const auto at = static_cast<std::size_t>(i),
                   left = static_cast<std::size_t>(i ? i - 1 : ranks - 1);
        now[at] = std::max(before[at] + gap[at], before[left] + latency[at]);
      }
      for (; event != events.end() && event->row == k; ++event)
        now[static_cast<std::size_t>(event->position)] += event->delay;
    }
    return now;
  }
  std::vector<double> chains() const {
    std::vector<double> state = ready;
    RingChains::Scratch scratch;
    RingChains(latency.data(), gap.data(), static_cast<std::int64_t>(gap.size()), rows)
        .run(events, state, scratch);
    return state;
  }
  /// The latest end by the chains through events, and without them.
  double latest(const std::vector<double>& after) const {
    RingLatest::Scratch scratch;
    const RingLatest ring(latency.data(), gap.data(), rows, after);
    Ring quiet = *this;
    quiet.events.clear();
    return std::max(latest_of(quiet.recursion(), after), ring.run(events, ready, scratch));
  }
  std::vector<double> sweep() const {
    std::vector<double> state = ready;
    RingSweep::Scratch scratch;
    RingSweep(latency.data(), gap.data(), static_cast<std::int64_t>(gap.size()))
        .run(rows, events, state, scratch);
    return state;
  }
};

double worst(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    most = std::max(most, std::abs(a[i] - b[i]) / std::max(std::abs(a[i]), 1e-30));
  return most;
}

/// One lap or two, or a row less.
std::int64_t rows_of(int round, std::int64_t ranks) {
  return std::max<std::int64_t>(0, (1 + round % 2) * (ranks - 1) - round / 2 % 2);
}

TEST(RingChains, EqualTheRecursionOnAnyRingInOneLapAndTwo) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 6000; ++round) {
    const auto ranks = static_cast<std::int64_t>(1 + random() % (round % 50 ? 40 : 300));
    const double spikes[] = {0, 0.001, 0.02, 0.4};
    const double delays[] = {0.5, 4, 40, 1000};
    const Ring ring(random, rows_of(round, ranks), ranks, round % 5, spikes[random() % 4],
                    delays[random() % 4]);
    const auto expected = ring.recursion();
    ASSERT_LE(worst(expected, ring.chains()), tolerance) << "round " << round;
    ASSERT_LE(worst(expected, ring.sweep()), tolerance) << "round " << round;
  }
}

TEST(RingSweep, TakesAnyNumberOfRows) {
  std::mt19937_64 random(12);
  for (int round = 0; round < 2000; ++round) {
    const auto rows = static_cast<std::int64_t>(random() % 200);
    const Ring ring(random, rows, static_cast<std::int64_t>(2 + random() % 30), round % 5, 0.05, 3);
    ASSERT_LE(worst(ring.recursion(), ring.sweep()), tolerance) << "round " << round;
  }
}

/// What comes after finishes: nothing, different times, or two in three left out.
std::vector<double> some_after(std::mt19937_64& random, std::size_t ranks) {
  std::uniform_real_distribution<double> uniform(0, 1);
  const auto kind = random() % 3;
  std::vector<double> after(ranks, 0.0);
  for (std::size_t i = 0; kind > 0 && i < ranks; ++i)
    after[i] = kind == 2 && i % 3 != 0 ? -1e300 : 10 * uniform(random);
  return after;
}

TEST(RingLatest, IsTheMaximumOfTheRecursion) {
  std::mt19937_64 random(14);
  int raised = 0, many = 0;
  for (int round = 0; round < 6000; ++round) {
    const auto ranks = static_cast<std::int64_t>(1 + random() % (round % 20 ? 40 : 600));
    const double spikes[] = {0.001, 0.02, 0.4};
    const double delays[] = {1e-6, 0.5, 4, 40, 1000};
    const Ring ring(random, rows_of(round, ranks), ranks, round % 5, spikes[random() % 3],
                    delays[random() % 5]);
    const auto after = some_after(random, ring.ready.size());
    const double expected = latest_of(ring.recursion(), after), got = ring.latest(after);
    ASSERT_LE(std::abs(expected - got), tolerance * std::abs(expected)) << "round " << round;
    Ring quiet = ring;
    quiet.events.clear();
    raised += expected > latest_of(quiet.recursion(), after) * (1 + 1e-9);
    many += ring.events.size() > 1000;
  }
  EXPECT_GT(raised, 3000);
  EXPECT_GT(many, 100);
}

// The comparison must notice one event in a hundred that is 1e-6 longer.
TEST(RingChains, ComparisonNoticesALateEvent) {
  std::mt19937_64 random(13);
  int noticed = 0;
  for (int round = 0; round < 50; ++round) {
    const Ring ring(random, rows_of(round, 40), 40, round % 5, 0.01, 40);
    ASSERT_FALSE(ring.events.empty());
    Ring longer = ring;
    for (RingEvent& e : longer.events) e.delay *= 1 + 1e-6;
    noticed += worst(ring.recursion(), longer.chains()) > 1e3 * tolerance;
    noticed += worst(ring.recursion(), longer.sweep()) > 1e3 * tolerance;
  }
  EXPECT_GT(noticed, 90);
}

// Nor may the latest end hide that one event of the longest chain is left out, or 1e-6 longer.
TEST(RingLatest, ComparisonNoticesALateEvent) {
  std::mt19937_64 random(15);
  int noticed = 0;
  for (int round = 0; round < 50; ++round) {
    const Ring ring(random, rows_of(4 * (round / 2) + round % 2, 40), 40, round % 5, 0.01, 40);
    const std::vector<double> after = some_after(random, ring.ready.size());
    Ring longer = ring, fewer = ring;
    for (RingEvent& e : longer.events) e.delay *= 1 + 1e-6;
    fewer.events.erase(std::ranges::max_element(fewer.events, {}, &RingEvent::delay));
    const double expected = latest_of(ring.recursion(), after);
    for (const Ring& other : {longer, fewer})
      noticed += std::abs(expected - other.latest(after)) > 1e3 * tolerance * expected;
  }
  EXPECT_GT(noticed, 80);
}

}  // namespace
}  // namespace lockstep::test
