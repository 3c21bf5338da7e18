// The phases of a torus: closed form and lines with events against the recursion, message by
// message; and a torus of some size with few events against its message graph.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/invariants/topology_rows.hpp"
#include "topologies/algorithms/torus/torus_phase.hpp"

namespace lockstep::test {
namespace {

constexpr double tolerance = 1e-12;  // relative; the sums associate differently, a few ulp each
constexpr std::uint64_t seed = 20250311;

/// Uniforms of one case, in order.
class Draws {
 public:
  explicit Draws(std::uint32_t number) : stream_{seed, purpose::spike, number} {}
  double uniform() { return stream_.uniform(0, draw_++); }
  std::int64_t integer(std::int64_t from, std::int64_t to) {
    return from + static_cast<std::int64_t>(uniform() * static_cast<double>(to - from + 1));
  }

 private:
  Stream stream_;
  std::uint32_t draw_ = 0;
};

struct PhaseCase {
  /// Lines whose times, gaps and latency lie within 1.5 decades of each other; few if they are
  /// long.
  explicit PhaseCase(std::uint32_t number, bool is_long = false) : draws(number) {
    phase.outer = draws.integer(1, is_long ? 2 : 4);
    phase.length = is_long ? draws.integer(TorusLongLine::least, 150) : draws.integer(2, 21);
    phase.inner = draws.integer(1, is_long ? 3 : 40);
    phase.passes = draws.uniform() < 0.3 ? 2 : 1;
    phase.forward = draws.uniform() < 0.5;
    phase.bytes = draws.uniform();
    phase.latency = draws.uniform() < 0.1 ? 0 : draws.uniform();
    const double spread = std::pow(10, 3 * draws.uniform() - 1.5);
    for (std::int64_t i = 0; i < phase.ranks(); ++i) {
      part.push_back(spread * draws.uniform());
      port.push_back(spread * draws.uniform());
    }
    for (std::int64_t i = 0; i < phase.lines(); ++i) rate.push_back(draws.uniform());
    phase.rate = rate.data();
    phase.part = part.data();
    if (draws.uniform() < 0.7) phase.port = port.data();
  }

  std::vector<double> run(std::span<const UnequalLine> unequal = {},
                          std::vector<LineSpike> spikes = {}) {
    std::vector<double> out = part;
    TorusPhase in_place = phase;
    in_place.part = in_place.out = out.data();
    TorusPhaseRunner().run(in_place, unequal, spikes, nullptr);
    std::vector<double> apart(part.size(), -1.0);
    in_place.part = part.data();
    in_place.out = apart.data();
    TorusPhaseRunner().run(in_place, unequal, spikes, nullptr);
    EXPECT_EQ(out, apart);
    return out;
  }

  Draws draws;
  TorusPhase phase;
  std::vector<double> part, port, rate;
};

/// The recursion. With `port_holds_sender` a rank passes its own part on no earlier than its
/// receive port is free, which is wrong.
std::vector<double> recursion(const PhaseCase& c, std::span<const UnequalLine> unequal = {},
                              std::span<const LineSpike> spikes = {},
                              bool port_holds_sender = false) {
  const TorusPhase& phase = c.phase;
  std::vector<double> state = c.part;
  for (std::int64_t k = 0; k < phase.rows(); ++k) {
    std::vector<double> own = state;
    if (k == 0 && phase.port)
      for (std::size_t i = 0; i < own.size(); ++i) own[i] = std::max(own[i], phase.port[i]);
    if (k == 0 && port_holds_sender) state = own;
    std::vector<double> next(state.size());
    for (std::int64_t line = 0; line < phase.lines(); ++line)
      for (std::int64_t place = 0; place < phase.length; ++place) {
        const auto other = [&](std::int64_t shift) {
          return (place + phase.length + shift) % phase.length;
        };
        double rate = phase.rate[line];
        for (const UnequalLine& u : unequal)
          if (u.line == line) rate = u.rate[phase.forward ? place : other(1)];
        const auto to = static_cast<std::size_t>(phase.rank(line, place));
        const auto from = static_cast<std::size_t>(phase.rank(line, other(phase.forward ? -1 : 1)));
        const double gap = rate * phase.bytes;
        next[to] = std::max(own[to] + gap, state[from] + phase.latency + gap);
      }
    for (const LineSpike& spike : spikes)
      if (spike.row == k)
        next[static_cast<std::size_t>(phase.rank(spike.line, spike.place))] += spike.delay;
    state = next;
  }
  return state;
}

double worst_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    worst = std::max(worst, std::abs(a[i] - b[i]) / std::max(std::abs(a[i]), 1e-30));
  return worst;
}

TEST(TorusPhase, ClosedFormIsTheRecursion) {
  int differ = 0, ports = 0;
  for (std::uint32_t number = 0; number < 1500; ++number) {
    PhaseCase c(number);
    const std::vector<double> finish = c.run();
    ASSERT_LE(worst_difference(recursion(c), finish), tolerance) << "case " << number;
    ports += c.phase.port != nullptr;
    differ += worst_difference(recursion(c, {}, {}, true), finish) > 1e6 * tolerance;
  }
  // A closed form that lets all places in by their ports, that of the longest way too, is noticed.
  EXPECT_GT(ports, 500);
  EXPECT_GT(differ, ports / 10);
}

TEST(TorusPhase, LinesWithEventsAreTheRecursionAndLeaveOthersAlone) {
  int noticed = 0;
  for (std::uint32_t number = 2000; number < 2400; ++number) {
    PhaseCase c(number);
    const std::vector<double> quiet = c.run();
    std::vector<std::vector<double>> rates;
    std::vector<UnequalLine> unequal;
    std::vector<LineSpike> spikes;
    std::vector<bool> event(static_cast<std::size_t>(c.phase.lines()));
    for (std::int64_t line = 0; line < c.phase.lines(); ++line) {
      if (c.draws.uniform() < 0.2) {
        rates.emplace_back();
        for (std::int64_t i = 0; i < c.phase.length; ++i) rates.back().push_back(c.draws.uniform());
        unequal.push_back({line, rates.back().data()});
        event[static_cast<std::size_t>(line)] = true;
      }
      const std::int64_t rows = c.phase.rows();
      for (std::int64_t row = c.draws.integer(0, 4 * rows); row < rows;
           row += c.draws.integer(1, rows)) {
        spikes.push_back({row, line, c.draws.integer(0, c.phase.length - 1), c.draws.uniform()});
        event[static_cast<std::size_t>(line)] = true;
      }
    }
    const std::vector<double> finish = c.run(unequal, spikes);
    ASSERT_LE(worst_difference(recursion(c, unequal, spikes), finish), tolerance)
        << "case " << number;
    for (std::int64_t line = 0; line < c.phase.lines(); ++line) {
      if (event[static_cast<std::size_t>(line)]) continue;
      for (std::int64_t place = 0; place < c.phase.length; ++place) {
        const auto i = static_cast<std::size_t>(c.phase.rank(line, place));
        ASSERT_EQ(finish[i], quiet[i]) << "case " << number << ", line " << line;
      }
    }
    noticed += worst_difference(quiet, finish) > 1e6 * tolerance;
  }
  EXPECT_GT(noticed, 300);
}

/// Rates of a line: all different, or healthy ones of two kinds and a few slow hops.
std::vector<double> some_rates(PhaseCase& c) {
  std::vector<double> rates;
  const bool different = c.draws.uniform() < 0.2;
  const double slow = 5 * c.draws.uniform(), share = 0.1 * c.draws.uniform();
  const auto second = c.draws.integer(0, c.phase.length);
  for (std::int64_t i = 0; i < c.phase.length; ++i) {
    const double u = c.draws.uniform();
    rates.push_back(different ? u : u < share ? slow : i < second ? 0.4 : 0.3);
  }
  return rates;
}

/// Long lines go by chains: unequal hops, several late messages on one line, in the first row too.
TEST(TorusPhase, LongLinesAreTheRecursion) {
  int noticed = 0, many = 0;
  for (std::uint32_t number = 3000; number < 3400; ++number) {
    PhaseCase c(number, true);
    std::vector<std::vector<double>> rates(static_cast<std::size_t>(c.phase.lines()));
    std::vector<UnequalLine> unequal;
    std::vector<LineSpike> spikes;
    for (std::int64_t line = 0; line < c.phase.lines(); ++line) {
      std::vector<double>& own = rates[static_cast<std::size_t>(line)] = some_rates(c);
      if (c.draws.uniform() < 0.7) unequal.push_back({line, own.data()});
      const std::int64_t late = number % 20 == 0 ? 1000 : c.draws.integer(0, 5);
      std::set<std::pair<std::int64_t, std::int64_t>> messages;
      for (std::int64_t i = 0; i < late; ++i)
        messages.emplace(c.draws.uniform() < 0.2 ? 0 : c.draws.integer(0, c.phase.rows() - 1),
                         c.draws.integer(0, c.phase.length - 1));
      for (const auto& [row, place] : messages)
        spikes.push_back({row, line, place, 10 * c.draws.uniform() * c.draws.uniform()});
      many += late > 1;
    }
    const std::vector<double> finish = c.run(unequal, spikes);
    ASSERT_LE(worst_difference(recursion(c, unequal, spikes), finish), tolerance)
        << "case " << number;
    for (LineSpike& spike : spikes) spike.delay *= 1 + 1e-6;
    for (std::vector<double>& own : rates)
      for (double& rate : own) rate *= 1 + 1e-6;
    noticed += worst_difference(recursion(c, unequal, spikes), finish) > 1e3 * tolerance;
  }
  EXPECT_GT(many, 500);
  EXPECT_GT(noticed, 380);
}

/// The pass against time says of each rank what the recursion says of the latest end where the
/// others have been ready for ever.
TEST(TorusPhase, BackIsTheRecursionOfEachRank) {
  constexpr double since_ever = -1e9;
  int compared = 0;
  for (std::uint32_t number = 4000; number < 4080; ++number) {
    PhaseCase c(number, number % 2 == 1);
    std::vector<std::vector<double>> rates(static_cast<std::size_t>(c.phase.lines()));
    std::vector<UnequalLine> unequal;
    for (std::int64_t line = 0; line < c.phase.lines(); ++line) {
      std::vector<double>& own = rates[static_cast<std::size_t>(line)] = some_rates(c);
      if (c.draws.uniform() < 0.6) unequal.push_back({line, own.data()});
    }
    const auto ranks = static_cast<std::size_t>(c.phase.ranks());
    const std::vector<double> after = c.port;
    std::vector<double> part(ranks, left_out), port(part), in_place = after;
    const bool has_port = c.phase.port;
    TorusPhaseRunner().run_back(c.phase, unequal, after.data(), part.data(),
                                has_port ? port.data() : nullptr);
    TorusPhaseRunner().run_back(c.phase, unequal, in_place.data(), in_place.data(), nullptr);
    EXPECT_LE(worst_difference(part, in_place), tolerance);
    for (int k = 0; k < 6; ++k, ++compared) {
      const auto rank = static_cast<std::size_t>(c.draws.integer(0, c.phase.ranks() - 1));
      const bool by_port = has_port && k % 2 == 0;
      c.part.assign(ranks, since_ever);
      c.port.assign(ranks, since_ever);
      (by_port ? c.port : c.part)[rank] = 0;
      c.phase.part = c.part.data();
      if (has_port) c.phase.port = c.port.data();
      const std::vector<double> finish = recursion(c, unequal);
      double last = left_out;
      for (std::size_t i = 0; i < ranks; ++i) last = std::max(last, finish[i] + after[i]);
      const double way = (by_port ? port : part)[rank];
      ASSERT_LE(std::abs(last - way), tolerance * way) << "case " << number;
      ASSERT_GT(std::abs(last - way * (1 + 1e-6)), tolerance * way) << "case " << number;
    }
  }
  EXPECT_EQ(compared, 480);
}

TEST(TorusPhase, FewEventsOnATorusOfSomeSize) {
  const NoiseCase noise({{"noise.spike_probability", "2e-4"}, {"noise.spike_delay", "50us"}}, 29);
  for (const TopologyKind* kind : topology_kinds()) {
    if (!kind->name.ends_with("torus")) continue;
    for (const char* shape : {"9x7x16", "24x4x5", "3x2x65"}) {
      const auto settings = [&](std::int64_t, std::int64_t) {
        return Settings{{"topology.shape", shape}};
      };
      const TopologyCase c(*kind, {{"fleet.chips", "H100:1024"}}, 2, 1, 3e6, settings);
      for (double slow : {0.0, 0.004}) {
        const std::vector<double> factors = c.unequal_links(slow, 5);
        const LinkState links{factors, {}};
        const std::vector<double> ready = c.ready_times(2e-5, 3);
        const std::vector<double> finish = c.run(noise.messages, links, ready);
        for (std::int64_t group = 0; group < c.groups(); ++group) {
          const auto delays =
              message_delays(noise.messages, group, c.collective->messages_per_group());
          const auto spikes = static_cast<std::int64_t>(delays.size()) -
                              std::count(delays.begin(), delays.end(), 0.0);
          EXPECT_GT(spikes, 0) << c.name;
          const auto first = static_cast<std::size_t>(group * c.ranks());
          const auto ranks = static_cast<std::size_t>(c.ranks());
          const MessageGraph graph = c.collective->graph(group, links);
          const auto evaluate = [&](double share) {
            return graph.evaluate(std::span(ready).subspan(first, ranks), [&](std::int64_t n) {
              return share * delays[static_cast<std::size_t>(n)];
            });
          };
          const auto begin = finish.begin() + group * c.ranks();
          const std::vector<double> own(begin, begin + c.ranks());
          EXPECT_LE(worst_difference(evaluate(1), own), tolerance) << c.name << ", slow " << slow;
          EXPECT_GT(worst_difference(evaluate(0.99), own), 1e6 * tolerance) << c.name;
        }
      }
    }
  }
}

}  // namespace
}  // namespace lockstep::test
