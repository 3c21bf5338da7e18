// A window's calls, one for each chunk, against the same calls run one after another.

#include "engine/training/course/chunk_calls.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engine/training/course/window_calls.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

struct Case {
  std::vector<double> delays;  // (calls)
  double took, first_ready, last_ready;

  std::vector<LateCall> late() const {
    std::vector<LateCall> all;
    for (std::size_t k = 1; k < delays.size(); ++k)
      if (delays[k] > 0) all.push_back({static_cast<std::int64_t>(k), delays[k]});
    return all;
  }
  /// From `first` to `last`, evenly.
  double at(std::size_t chunk, double first, double last) const {
    const std::size_t others = std::max<std::size_t>(1, delays.size() - 1);
    return first + static_cast<double>(chunk) / static_cast<double>(others) * (last - first);
  }
};

Case random_case(std::mt19937& random) {
  std::uniform_real_distribution<double> uniform;
  Case one{.delays = std::vector<double>(1 + random() % 20),
           .took = uniform(random),
           .first_ready = uniform(random),
           .last_ready = 0};
  one.last_ready = one.first_ready + 30 * uniform(random) * uniform(random);
  for (double& delay : one.delays)
    if (random() % 4 == 0) delay = 5 * uniform(random) * uniform(random);
  return one;
}

/// When the last call ends, one after another, with another `in_first` in the first.
double one_after_another(const Case& one, double in_first, bool with_delays) {
  double end = one.first_ready + one.took + in_first;
  for (std::size_t k = 1; k < one.delays.size(); ++k)
    end = std::max(end, one.at(k, one.first_ready, one.last_ready)) + one.took +
          (with_delays ? one.delays[k] : 0);
  return end;
}

TEST(ChunkCalls, EndAsTheyDoOneAfterAnother) {
  std::mt19937 random(5);
  int in_line = 0, waiting = 0;
  for (int i = 0; i < 20000; ++i) {
    const Case one = random_case(random);
    const double end = one_after_another(one, 0, true), first_end = one.first_ready + one.took;
    const std::vector<LateCall> late = one.late();
    const ChunkCalls calls{std::ssize(one.delays), one.took, late};
    const ChunkCalls::End got = calls.end(one.first_ready, one.last_ready);
    ASSERT_NEAR(got.of(first_end), end, 1e-12 * (1 + end)) << i;
    (first_end + got.after_first > got.later ? in_line : waiting) += 1;
  }
  EXPECT_GT(in_line, 1000);
  EXPECT_GT(waiting, 1000);
}

TEST(ChunkCalls, AreDelayedByNoMoreThanTheyAreSaidTo) {
  std::mt19937 random(6);
  std::uniform_real_distribution<double> uniform;
  int made_up = 0, reached = 0, less_is_too_little = 0;
  for (int i = 0; i < 20000; ++i) {
    const Case one = random_case(random);
    const double in_first = random() % 3 == 0 ? uniform(random) : 0;
    const double delayed =
        one_after_another(one, in_first, true) - one_after_another(one, 0, false);
    const std::vector<LateCall> late = one.late();
    const ChunkCalls calls{std::ssize(one.delays), one.took, late};
    const double room = one.last_ready - one.first_ready;
    double sum = in_first;
    for (double delay : std::span(one.delays).subspan(1)) sum += delay;
    const double most = calls.most_delay(room, in_first);
    ASSERT_LE(delayed, most + 1e-12) << i;
    ASSERT_LE(most, sum + 1e-12) << i;
    // A replica with more room is not delayed by more.
    ASSERT_LE(calls.most_delay(room + uniform(random), in_first), most + 1e-12) << i;
    made_up += sum > 0 && most < 0.9 * sum;
    reached += most > 0 && delayed > most - 1e-9;
    less_is_too_little += delayed > calls.most_delay(1.1 * room, in_first) + 1e-9;
  }
  EXPECT_GT(made_up, 4000);
  EXPECT_GT(reached, 4000);
  EXPECT_GT(less_is_too_little, 1000);
}

TEST(ChunkCalls, ArriveLateAgainstTheirTurnsAsTheyDoOneAfterAnother) {
  std::mt19937 random(6);
  for (int i = 0; i < 20000; ++i) {
    const Case one = random_case(random);
    double arrival = one.took, latest = -HUGE_VAL;
    for (std::size_t k = 0; k < one.delays.size(); ++k) {
      if (k > 0) arrival += one.took + one.delays[k];
      latest = std::max(latest, arrival - one.at(k, 1, 3) * one.last_ready);
    }
    const std::vector<LateCall> late = one.late();
    const ChunkCalls calls{std::ssize(one.delays), one.took, late};
    double got = -HUGE_VAL;
    for (const ChunkCalls::Arrival& chunk : calls.arrivals(1, 3))
      got = std::max(got, one.took + chunk.after_first - chunk.turn * one.last_ready);
    ASSERT_NEAR(got, latest, 1e-12 * (1 + arrival + std::fabs(latest))) << i;
  }
}

/// When the last call of each group ends whose chips are all there at 0, by the model, and with all
/// calls run one after another by the collective.
struct Ends {
  std::vector<double> model, one_by_one;
  std::size_t late_groups = 0, late_calls = 0;
};

Ends ends_of(const std::string& lines, std::uint32_t step) {
  const auto point = test::make_point(lines);
  const Layout& layout = point->layout();
  const TrialChips chips = draw_chips(*point, 0);
  const LinkState links{.link = chips.link_factor};
  WindowCalls calls(*point, Window::last_backward, point->phases().size());
  calls.begin(links, nullptr);
  const StepNoise noise{&point->scenario().noise, point->scenario().seed, 0, step};
  std::vector<std::int64_t> groups;
  for (std::int64_t g = 0; g < layout.groups(); ++g) groups.push_back(g);
  const std::vector<double> ready(static_cast<std::size_t>(layout.chips()), 0.0);
  std::vector<double> finish(ready.size());
  calls.run_first(groups, noise, true, ready.data(), finish.data(), 1);
  const auto late = calls.find_late(noise);
  const auto delays = calls.delays(late, noise, 1);
  Ends ends{.model = {}, .one_by_one = {}, .late_groups = late.size(), .late_calls = 0};
  const auto latest = [&](std::int64_t g) {
    return *std::max_element(finish.begin() + layout.at(g, 0),
                             finish.begin() + layout.at(g + 1, 0));
  };
  std::size_t next = 0;
  for (std::int64_t g : groups) {
    ChunkCalls own{calls.chunks(), calls.took()[static_cast<std::size_t>(g)]};
    if (next < late.size() && late[next].group == g) own.late = delays[next++];
    ends.late_calls += own.late.size();
    ends.model.push_back(own.end(0, 0).of(latest(g)));
  }
  const PlannedPhase* gradients = nullptr;
  for (const PlannedPhase& planned : point->phases())
    if (planned.is_of(Window::last_backward)) gradients = &planned;
  const auto trial = gradients->collective->begin_trial(links);
  MessageNoise drawn = message_noise(point->scenario().noise, point->scenario().seed, 0, step,
                                     gradients->phase->number);
  std::vector<double> begin = ready;
  for (std::int64_t k = 0; k < calls.chunks(); ++k) {
    drawn.first_message = k * gradients->collective->messages_per_group();
    trial->run(drawn, 0, layout.groups(), begin.data(), finish.data(), 1);
    begin = finish;
  }
  for (std::int64_t g : groups) ends.one_by_one.push_back(latest(g));
  return ends;
}

std::string job(const std::string& kind, const std::string& more) {
  return test::join(
      "fleet.chips=H100:512\njob.tensor=4\njob.pipeline=2\njob.model_parameters=8e9\n"
      "job.layers=32\njob.hidden=4096\njob.buckets=12\njob.virtual_stages=1\n"
      "topology.kind=" +
          kind,
      more);
}

constexpr const char* kinds[] = {"ring",      "tree", "hierarchical_ring", "switch_reduce", "torus",
                                 "ocs_torus", "nccl"};

// On healthy links a call that begins with all chips together ends with them nearly so.
TEST(WindowCalls, WithoutLateMessagesTakeWhatTheyTakeOneByOne) {
  for (const char* kind : kinds)
    for (const char* links : {"", "noise.slow_link_fraction=0.01"}) {
      const Ends ends = ends_of(job(kind, links), 0);
      for (std::size_t g = 0; g < ends.model.size(); ++g) {
        EXPECT_LE(ends.one_by_one[g], ends.model[g] * (1 + 1e-12)) << kind << links;
        EXPECT_NEAR(ends.model[g], ends.one_by_one[g], 0.02 * ends.model[g]) << kind << links;
      }
    }
  const Ends whole = ends_of(job("ring", "job.buckets=1"), 0), twelve = ends_of(job("ring", ""), 0);
  for (std::size_t g = 0; g < whole.model.size(); ++g)
    EXPECT_LT(whole.model[g], 0.98 * twelve.one_by_one[g]) << "the control: one call for all";
}

/// What late messages of about so many calls add to the last ends of groups, over many steps.
struct Added {
  double model = 0, one_by_one = 0;
  double late_calls = 0;  // of all
};

Added added_by_late_messages(const std::string& kind, double share) {
  const Ends quiet = ends_of(job(kind, ""), 0);
  const auto point = test::make_point(job(kind, ""));
  double messages = 0;
  for (const PlannedPhase& planned : point->phases())
    if (planned.is_of(Window::last_backward))
      messages = static_cast<double>(planned.collective->messages_per_group());
  const std::string late =
      fmt::format("noise.spike_probability={}\nnoise.spike_delay=constant(0.5s)", share / messages);
  Added added;
  constexpr int steps = 12;
  for (std::uint32_t step = 0; step < steps; ++step) {
    const Ends ends = ends_of(job(kind, late), step);
    const std::size_t groups = ends.model.size();
    added.late_calls +=
        static_cast<double>(ends.late_calls) / static_cast<double>(steps * 11 * groups);
    for (std::size_t g = 0; g < groups; ++g) {
      EXPECT_LE(ends.one_by_one[g], ends.model[g] * (1 + 1e-12)) << kind;
      added.model += ends.model[g] - quiet.model[g];
      added.one_by_one += ends.one_by_one[g] - quiet.one_by_one[g];
    }
  }
  fmt::print("{}: {:.3f} of the calls are late, {:.4f} of what they add one by one\n", kind,
             added.late_calls, added.model / added.one_by_one);
  return added;
}

// A late message of a call in line with none beside it adds what it adds one by one; where calls
// that follow each other have some, chips that were late already lose less by the second. The more
// are late, the more is it too much.
TEST(WindowCalls, WithLateMessagesAddTheirDelays) {
  for (const char* kind : kinds) {
    const Added few = added_by_late_messages(kind, 0.03);
    EXPECT_NEAR(few.late_calls, 0.03, 4 * std::sqrt(0.03 / (12 * 11 * 8))) << kind;
    EXPECT_NEAR(few.model, few.one_by_one, 0.02 * few.one_by_one) << kind;
  }
  const Added most = added_by_late_messages("ring", 3);
  EXPECT_GT(most.model, 1.1 * most.one_by_one) << "the control: nearly every call is late";
}

// On a ring whose jitter is taken as longer hops, too: jitter is the first call's to pay.
TEST(WindowCalls, WithJitterAddTheDelaysAlone) {
  struct Row {
    int chips;
    double probability;
    std::string_view choice;
  };
  for (const auto& [chips, probability, choice] :
       {Row{512, 3e-5, "exact"}, Row{16384, 2e-8, "fast"}}) {
    const std::string lines = test::join(
        job("ring", "noise.hop_jitter=exponential(mean=0.5us)\nnoise.spike_delay=0.5s"),
        fmt::format("noise.spike_probability={}\nfleet.chips=H100:{}", probability, chips));
    const auto point = test::make_point(lines);
    WindowCalls calls(*point, Window::last_backward, point->phases().size());
    calls.begin({}, nullptr);
    for (const PlannedPhase& planned : point->phases()) {
      if (!planned.is_of(Window::last_backward)) continue;
      EXPECT_NE(planned.collective->choice().find(choice), std::string::npos)
          << planned.collective->choice();
    }
    std::size_t late_calls = 0;
    for (std::uint32_t step = 0; step < 4; ++step) {
      const StepNoise noise{&point->scenario().noise, point->scenario().seed, 0, step};
      const auto late = calls.find_late(noise);
      const auto delays = calls.delays(late, noise, 1);
      for (std::size_t g = 0; g < late.size(); ++g) {
        const std::vector<LateCall> most = late[g].most();
        ASSERT_EQ(delays[g].size(), most.size());
        for (std::size_t i = 0; i < most.size(); ++i) {
          EXPECT_LE(delays[g][i].delay, most[i].delay * (1 + 1e-12)) << choice;
          if (most[i].delay < 0.6) {
            EXPECT_NEAR(delays[g][i].delay, 0.5, 1e-4) << choice;
            ++late_calls;
          }
        }
      }
    }
    EXPECT_GT(late_calls, 20u) << choice;
  }
}

}  // namespace
}  // namespace lockstep
