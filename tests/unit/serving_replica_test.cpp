// A replica with continuous batching against a plain reference that goes iteration by iteration,
// written apart; spans against single iterations; what holds in every run, failures included.

#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "tests/unit/serving_cells.hpp"

namespace lockstep {
namespace {

using test::CellCase;
using test::Seen;
using test::SeenRequest;

/// A small memory, chunks of 64, attention and all-reduces that cost: all that a replica does
/// happens.
ReplicaSort small_replica() {
  ReplicaSort sort;
  sort.law = {.fixed = 4e-3,
              .compute = 1e-4,
              .per_context = 2e-6,
              .collective = {{1e-4, 1.5e-4, 2e-4, 2e-4, 3e-4}, 4, 1.8e-4}};
  sort.context_tokens = 3000;
  sort.most_sequences = 24;
  sort.chunk = 64;
  sort.rate = 1;
  return sort;
}

RequestLaw small_requests() {
  RequestLaw law;
  law.arrival_cv = 1.5;
  law.input = Distribution::parse("lognormal(mean=90, sigma=1)", Dimension::none);
  law.output = Distribution::parse("lognormal(mean=80, sigma=1)", Dimension::none);
  law.longest = 3000;
  return law;
}

CellCase small_case(double rate, std::size_t replicas = 1) {
  return {small_replica(), replicas, small_requests(), rate, "least_outstanding", 5, 60};
}

/// One request of the reference.
struct Plain {
  Ticks arrival;
  std::int64_t input, output;
  std::int64_t made = 0, unread = 0, held = 0;
  Ticks first = -1;
};

/// What a replica does, iteration by iteration and request by request.
class PlainReplica {
 public:
  explicit PlainReplica(const ReplicaSort& sort) : sort_(sort) {}
  std::int64_t preemptions = 0;

  /// (first token, end) of those that arrive and end before `end`, by arrival.
  std::vector<std::pair<Ticks, Ticks>> run(std::deque<Plain> coming, Ticks end) {
    std::set<std::pair<Ticks, std::pair<Ticks, Ticks>>> done;
    Ticks now = 0;
    while (true) {
      if (batch_.empty() && waiting_.empty()) {
        now = std::max(now, coming.front().arrival);
        take(coming);
      }
      preempt();
      admit();
      now += iterate(now, done);
      if (now >= end) break;
      while (!coming.empty() && coming.front().arrival < now) take(coming);
    }
    std::vector<std::pair<Ticks, Ticks>> times;
    for (const auto& [arrival, both] : done)
      if (both.second < end) times.push_back(both);
    return times;
  }

 private:
  std::int64_t held() const {
    std::int64_t sum = 0;
    for (const Plain& request : batch_) sum += request.held;
    return sum;
  }
  std::int64_t decoding() const {
    std::int64_t count = 0;
    for (const Plain& request : batch_) count += request.unread == 0;
    return count;
  }
  void take(std::deque<Plain>& coming) {
    waiting_.push_back(coming.front());
    coming.pop_front();
  }
  void preempt() {
    while (batch_.size() > 1 && held() + decoding() > sort_.context_tokens) {
      Plain last = batch_.back();
      batch_.pop_back();
      waiting_.push_front(last);
      ++preemptions;
    }
  }
  void admit() {
    while (!waiting_.empty()) {
      Plain next = waiting_.front();
      next.unread = next.held = next.input + next.made;
      const std::int64_t spare = decoding() + sort_.context_tokens / 100;
      const bool fits = static_cast<std::int64_t>(batch_.size()) < sort_.most_sequences &&
                        held() + next.held + spare <= sort_.context_tokens;
      if (!batch_.empty() && !fits) return;
      waiting_.pop_front();
      batch_.push_back(next);
    }
  }
  Ticks iterate(Ticks begin, std::set<std::pair<Ticks, std::pair<Ticks, Ticks>>>& done) {
    // Chunks of prompts in order; what each computes.
    std::int64_t left = sort_.chunk, computed = 0;
    std::vector<std::int64_t> read(batch_.size(), 0);
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      read[i] = std::min(left, batch_[i].unread);
      left -= read[i];
      computed += batch_[i].unread == 0 ? 1 : read[i];
    }
    const Ticks time =
        ticks_of(sort_.law.time(computed)) + ticks_of(sort_.law.per_context) * held();
    std::vector<Plain> stay;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      Plain& request = batch_[i];
      const bool decodes = request.unread == 0;
      request.unread -= read[i];
      if (decodes) ++request.held;
      if (request.unread == 0) {
        ++request.made;
        if (request.first < 0) request.first = begin + time;
      }
      if (request.made == request.output)
        done.insert({request.arrival, {request.first, begin + time}});
      else
        stay.push_back(request);
    }
    batch_ = stay;
    return time;
  }

  const ReplicaSort sort_;
  std::deque<Plain> waiting_;
  std::vector<Plain> batch_;
};

/// The requests of trial 3, at least one token of prompt each.
std::deque<Plain> requests(const CellCase& cell, Ticks end) {
  RequestSource source(cell.law, cell.rate, CellCase::seed, 3, 0);
  std::deque<Plain> all;
  while (all.empty() || all.back().arrival < end) {
    const Arrival arrival = source.next();
    EXPECT_GT(arrival.input, 0);
    all.push_back({arrival.time, arrival.input, arrival.output});
  }
  return all;
}

class Rates : public testing::TestWithParam<double> {};

TEST_P(Rates, AReplicaIsTheReference) {
  const CellCase cell = small_case(GetParam());
  const Ticks end = cell.settings.warmup + cell.settings.window;
  PlainReplica reference(small_replica());
  const auto expected = reference.run(requests(cell, end), end);
  Seen seen;
  const CellResult result = cell.run(3, &seen);
  std::ranges::sort(seen.all, {}, &SeenRequest::arrival);
  ASSERT_EQ(seen.all.size(), expected.size());
  ASSERT_GT(expected.size(), 50);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(seen.all[i].first_token, seconds_of(expected[i].first)) << i;
    ASSERT_EQ(seen.all[i].end, seconds_of(expected[i].second)) << i;
  }
  // All that there is to it has happened at the highest rate.
  if (GetParam() > 10) {
    EXPECT_GT(reference.preemptions, 10);
    EXPECT_GT(result.left, 10);
  }
}

INSTANTIATE_TEST_SUITE_P(Replica, Rates, testing::Values(1.0, 4.0, 8.0, 30.0));

/// Failures, episodes and restorations of two of three replicas.
std::vector<CellChange> troubles() {
  using Kind = CellChange::Kind;
  return {{ticks_of(10), 0, Kind::slowness, 1.7}, {ticks_of(12.34), 1, Kind::failure},
          {ticks_of(20), 0, Kind::slowness, 1},   {ticks_of(21), 1, Kind::slowness, 1.3},
          {ticks_of(30), 1, Kind::restoration},   {ticks_of(40), 0, Kind::failure},
          {ticks_of(40), 1, Kind::failure},       {ticks_of(41), 2, Kind::failure},
          {ticks_of(43), 2, Kind::restoration},   {ticks_of(45), 2, Kind::links, 1, {1e-3, 0.1}}};
}

TEST(Spans, AreSingleIterationsBitForBit) {
  for (const bool restarts : {true, false})
    for (const double rate : {3.0, 20.0, 60.0}) {
      CellCase cell = small_case(rate, 3);
      cell.changes = troubles();
      cell.settings.restarts = restarts;
      Seen spans, single;
      const CellResult a = cell.run(1, &spans);
      cell.settings.longest_span = 1;
      const CellResult b = cell.run(1, &single);
      EXPECT_EQ(spans.all, single.all);
      EXPECT_GT(a.lost, 0);  // while all are down
      EXPECT_EQ(a.use[0].tokens, b.use[0].tokens);
      EXPECT_EQ(a.use[0].prompt, b.use[0].prompt);
      EXPECT_EQ(a.use[0].preemptions, b.use[0].preemptions);
      EXPECT_NEAR(a.use[0].busy, b.use[0].busy, 1e-9 * b.use[0].busy);
      EXPECT_NEAR(a.use[0].context, b.use[0].context, 5e-3 * b.use[0].context);
    }
}

/// Links that are slow from the start are a law whose all-reduces take longer, and healthy again
/// the law as it was.
TEST(Replica, LinksAddToItsAllReduces) {
  const double each = 2e-6;  // of a token
  const LinkDelay delay{.few = 64 * each, .many = 4096 * each};
  std::vector<double> healthy, slow;
  for (std::int64_t tokens = 1; tokens <= 128; tokens *= 2) {
    healthy.push_back(1e-4 + 1e-6 * static_cast<double>(tokens));
    slow.push_back(healthy.back() + each * static_cast<double>(tokens));
  }
  const auto seen = [&](const std::vector<double>& table, std::vector<CellChange> changes) {
    CellCase cell = small_case(6);
    cell.sorts[0].law.collective = {table, 4, 1e-4};
    cell.changes = std::move(changes);
    Seen all;
    cell.run(1, &all);
    std::ranges::sort(all.all, {}, &SeenRequest::arrival);
    return all.all;
  };
  using Kind = CellChange::Kind;
  const auto delayed = seen(healthy, {{0, 0, Kind::links, 1, delay}}), slower = seen(slow, {}),
             usual = seen(healthy, {});
  ASSERT_EQ(delayed.size(), slower.size());
  ASSERT_GT(delayed.size(), 100);
  for (std::size_t i = 0; i < delayed.size(); ++i)
    EXPECT_NEAR(delayed[i].end, slower[i].end, 1e-9) << i;
  EXPECT_GT(delayed.back().end, usual.back().end);
  EXPECT_EQ(seen(healthy, {{0, 0, Kind::links, 1, delay}, {0, 0, Kind::links, 1, {}}}), usual);
}

/// The cell itself throws where Little's law or a request is lost; here it is held against sums of
/// what the observer saw.
TEST(EveryRun, ConservesRequestsAndTheirTime) {
  for (const RouterKind& kind : router_kinds())
    for (const bool restarts : {true, false}) {
      CellCase cell = small_case(25, 3);
      cell.settings.router = &kind;
      cell.settings.restarts = restarts;
      cell.settings.admission_limit = 40;
      cell.changes = troubles();
      cell.settings.signal_delay = ticks_of(0.05);
      Seen seen;
      const CellResult result = cell.run(2, &seen);
      EXPECT_EQ(result.arrived, result.completed + result.lost + result.left) << kind.name;
      EXPECT_EQ(static_cast<std::int64_t>(seen.all.size()), result.completed + result.lost);
      EXPECT_NEAR(result.mean_in_system * 65,
                  result.mean_residence * static_cast<double>(result.arrived),
                  1e-12 * result.mean_in_system * 65);
      // With those that left alone: what is left has been there for the rest.
      double residence = 0;
      for (const SeenRequest& request : seen.all) residence += request.response();
      const double total = result.mean_in_system * 65;
      EXPECT_LE(residence, total * (1 + 1e-12));
      EXPECT_GE(residence + 65.0 * static_cast<double>(result.left), total);
      EXPECT_GT(result.lost, restarts ? 0 : 20);
    }
}

TEST(EveryRun, TokensAreThoseOfTheRequests) {
  CellCase cell = small_case(2);  // nothing is preempted, nothing fails
  cell.settings.warmup = 0;
  Seen seen;
  const CellResult result = cell.run(4, &seen);
  ASSERT_EQ(result.use[0].preemptions, 0);
  std::int64_t output = 0, input = 0;
  for (const SeenRequest& request : seen.all) {
    output += request.output;
    input += request.input;
  }
  EXPECT_EQ(result.input_tokens, input);
  // Those that are left have some too.
  EXPECT_GE(result.use[0].tokens, output);
  EXPECT_LE(result.use[0].tokens, output + result.left * 500);
  EXPECT_GE(result.use[0].prompt, input);
}

TEST(Iterations, TakeLongerWithAllThatIsInThem) {
  const auto time = [](IterationLaw law, std::int64_t tokens) { return law.time(tokens); };
  const IterationLaw plain{.fixed = 1, .per_token = 0.5, .memory = 2, .compute = 0.1};
  EXPECT_DOUBLE_EQ(time(plain, 10), 1 + 5 + 2 + 1);
  IterationLaw knee = plain;
  knee.knee = 1.5;
  // (2^1.5 + 1)^(2/3) = 2.447...: between the larger one and the sum.
  EXPECT_NEAR(time(knee, 10), 6 + std::pow(std::pow(2.0, 1.5) + 1, 2 / 3.0), 1e-12);
  for (std::int64_t tokens = 1; tokens < 100; ++tokens)
    EXPECT_GT(time(knee, tokens + 1), time(knee, tokens));
}

TEST(Spans, KnowHowManyIterationsAreDone) {
  for (const Ticks growth : {Ticks{0}, Ticks{1}, Ticks{7919}}) {
    const IterationSpan span{1000, 10007, growth, 5000};
    for (std::int64_t m = 1; m <= span.count; m += 37) {
      EXPECT_EQ(span.done(1000 + span.elapsed(m)), m);
      EXPECT_EQ(span.done(1000 + span.elapsed(m) - 1), m - 1);
    }
    EXPECT_EQ(span.done(span.end() + 5), span.count);
  }
  const IterationSpan free{5, 0, 0, 9};
  EXPECT_EQ(free.done(5), 9);
}

}  // namespace
}  // namespace lockstep
