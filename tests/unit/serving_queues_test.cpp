// A cell whose replicas are servers of queueing theory against its formulas. Means over independent
// trials; 16 of them have t = 7.6 at 1e-6 (Student, 15 degrees).

#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "tests/unit/serving_cells.hpp"

namespace lockstep {
namespace {

using test::CellCase;
using test::Measured;
using test::requests_of;
using test::Seen;
using test::SeenRequest;
using test::server;
using test::sharing_server;
using test::tokens_per_second;

constexpr std::uint32_t trials = 16;
constexpr double limit = 7.6;

/// `of` of the requests that arrive after the warm-up, in each trial.
std::vector<double> each_trial(const CellCase& cell,
                               const std::function<double(std::vector<SeenRequest>&)>& of) {
  std::vector<double> values;
  for (std::uint32_t trial = 0; trial < trials; ++trial) {
    const double warmup = seconds_of(cell.settings.warmup);
    const double window = seconds_of(cell.settings.window);
    Seen seen(warmup, warmup + window - std::min(500.0, window / 2));
    cell.run(trial, &seen);
    EXPECT_GT(seen.all.size(), 1000);
    values.push_back(of(seen.all));
  }
  return values;
}

double mean_of(const std::vector<SeenRequest>& all,
               const std::function<double(const SeenRequest&)>& value) {
  double sum = 0;
  for (const SeenRequest& request : all) sum += value(request);
  return sum / static_cast<double>(all.size());
}

double wait(const SeenRequest& request) {
  return request.response() - request.output / tokens_per_second;
}

double mean_wait(std::vector<SeenRequest>& all) {
  return mean_of(all, wait);
}
double mean_response(std::vector<SeenRequest>& all) {
  return mean_of(all, [](const SeenRequest& r) { return r.response(); });
}

constexpr const char* exponential = "exponential(mean=1e5)";

CellCase one_server(const char* service, double rate) {
  return {server(1), 1, requests_of(service), rate, "random", 2000, 60000};
}

void expect_known(const std::vector<double>& values, double known, double other) {
  const Measured measured(values);
  EXPECT_LT(measured.z(known), limit) << measured.mean << " +- " << measured.error;
  // The negative control: what would be wrong is told from it.
  EXPECT_GT(measured.z(other), limit) << measured.mean << " +- " << measured.error;
}

TEST(Queues, MM1Waits) {
  // Controls: what a load of .82 has.
  expect_known(each_trial(one_server(exponential, 0.8), mean_wait), 4, 0.82 / 0.18);
}

TEST(Queues, MM1Responds) {
  expect_known(each_trial(one_server(exponential, 0.8), mean_response), 5, 1 / 0.18);
}

TEST(Queues, MM1HasItsTail) {
  const auto p99 = [](std::vector<SeenRequest>& all) {
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(all.size() * 99 / 100);
    std::nth_element(all.begin(), at, all.end(),
                     [](const auto& a, const auto& b) { return a.response() < b.response(); });
    return at->response();
  };
  expect_known(each_trial(one_server(exponential, 0.8), p99), 23.03, 1.17 * 23.03);
}

TEST(Queues, MD1Waits) {
  expect_known(each_trial(one_server("1e5", 0.8), mean_wait), 2, 0.82 / 0.36);
}

TEST(Queues, MG1LognormalWaits) {
  expect_known(each_trial(one_server("lognormal(mean=1e5, sigma=0.86)", 0.8), mean_wait), 4.190,
               4.190 * 0.82 * 0.2 / (0.8 * 0.18));
}

TEST(Queues, ErlangBIsRefused) {
  CellCase cell(server(1), 10, requests_of(exponential), 8, "least_outstanding", 100, 10000);
  cell.settings.admission_limit = 1;
  const auto lost = [](std::vector<SeenRequest>& all) {
    return mean_of(all, [](const SeenRequest& r) { return r.lost ? 1.0 : 0.0; });
  };
  expect_known(each_trial(cell, lost), 0.121661, 0.1297);  // of 8.2 erlang
}

CellCase ten_slots() {
  return {server(10), 1, requests_of(exponential), 8, "random", 200, 20000};
}

TEST(Queues, ErlangCWaits) {
  const auto waits = [](std::vector<SeenRequest>& all) {
    return mean_of(all, [](const SeenRequest& r) { return wait(r) > 2e-5 ? 1.0 : 0.0; });
  };
  expect_known(each_trial(ten_slots(), waits), 0.409180, 0.4530);  // of 8.2 erlang
}

TEST(Queues, MM10Waits) {
  expect_known(each_trial(ten_slots(), mean_wait), 0.20459, 0.4530 / 1.8);
}

class ProcessorSharing : public testing::TestWithParam<const char*> {};

/// Insensitive: the mean is that of its mean alone; the control is what a queue in order would
/// have, or half the sharing.
TEST_P(ProcessorSharing, RespondsInProportionToSize) {
  CellCase cell(sharing_server(), 1, requests_of(GetParam()), 0.7, "random", 500, 40000);
  expect_known(each_trial(cell, mean_response), 1 / 0.3, 1 / 0.27);
  const auto stretch = [](std::vector<SeenRequest>& all) {
    return mean_of(
        all, [](const SeenRequest& r) { return r.response() * tokens_per_second / r.output; });
  };
  // Of each size alike, but for requests of a few tokens, which wait for an iteration's end.
  const Measured measured(each_trial(cell, stretch));
  EXPECT_LT(measured.z(1 / 0.3, 2e-3), limit) << measured.mean << " +- " << measured.error;
  EXPECT_GT(measured.z(1 / 0.27), limit);
}

INSTANTIATE_TEST_SUITE_P(Laws, ProcessorSharing,
                         testing::Values("1e5", "exponential(mean=1e5)",
                                         "lognormal(mean=1e5, sigma=0.86)"));

struct PowerCase {
  double load, response;
};

class PowerOfTwo : public testing::TestWithParam<PowerCase> {};

/// Mitzenmacher's limit of many servers, sum of load^(2^i - 2); 1,000 of them are within 0.4 %.
TEST_P(PowerOfTwo, RespondsAsInTheLimit) {
  const auto [load, response] = GetParam();
  CellCase cell(server(1), 1000, requests_of(exponential), 1000 * load, "power_of_two", 30, 50);
  const Measured measured(each_trial(cell, mean_response));
  EXPECT_LT(measured.z(response, 4e-3), limit) << measured.mean << " +- " << measured.error;
  cell.settings.router = &test::router_named("random");
  const Measured random(each_trial(cell, mean_response));
  EXPECT_GT(random.z(response, 4e-3), limit);
}

INSTANTIATE_TEST_SUITE_P(Loads, PowerOfTwo,
                         testing::Values(PowerCase{0.5, 1.2657}, PowerCase{0.7, 1.6145},
                                         PowerCase{0.8, 1.9474}, PowerCase{0.9, 2.6141}));

/// Of 80 servers of speed 1 and 20 of speed 4: over which share of all speeds some set S of them
/// gets more than it serves, min over S of sum_S mu / (N mean(mu) q_S^d), here S = the slow ones.
double ceiling(int choices) {
  double q = 1;  // that all choices, none twice, are slow
  for (int i = 0; i < choices; ++i) q *= (80.0 - i) / (100.0 - i);
  return std::min(1.0, 80 / (160 * q));
}

struct CeilingCase {
  const char* router;
  double ceiling;
};

class Ceilings : public testing::TestWithParam<CeilingCase> {};

TEST_P(Ceilings, AreWhereBacklogsBegin) {
  const char* const router = GetParam().router;
  const double ceiling = GetParam().ceiling;
  std::vector<std::size_t> of(80, 0);
  of.resize(100, 1);
  const auto grows = [&](double load) {
    CellCase cell({server(1), server(1, 4)}, of, requests_of(exponential), 160 * load, router, 500,
                  2000);
    return cell.run(0).overloaded();
  };
  EXPECT_FALSE(grows(0.95 * ceiling));
  EXPECT_TRUE(grows(1.05 * ceiling));
}

INSTANTIATE_TEST_SUITE_P(
    Routers, Ceilings,
    testing::Values(CeilingCase{"random", ceiling(1)}, CeilingCase{"round_robin", ceiling(1)},
                    CeilingCase{"power_of_two", ceiling(2)}, CeilingCase{"weighted_random", 1},
                    CeilingCase{"least_outstanding", 1}, CeilingCase{"jsq_speed", 1},
                    CeilingCase{"least_expected_wait", 1}),
    [](const auto& test) { return test.param.router; });

/// A tenth of the servers gets 1.1 times what it serves, the others half: what piles up there is
/// less than the noise of all arrivals, and far beyond that of its own.
TEST(Overload, OfOneGenerationIsSeen) {
  std::vector<std::size_t> of(10, 0);
  of.resize(100, 1);
  for (const char* router : {"random", "round_robin"}) {
    CellCase cell({server(1), server(1, 2)}, of, requests_of(exponential), 110, router, 500, 2000);
    const CellResult over = cell.run(0);
    const auto slow = static_cast<double>(over.backlog[0].arrivals);
    EXPECT_NEAR(slow, 10 * 1.1 * 2000, 5 * std::sqrt(slow)) << router;
    EXPECT_NEAR(over.backlog[0].growth, 10 * 0.1 * 2000, 5 * std::sqrt(2 * slow)) << router;
    EXPECT_TRUE(over.backlog[0].grows()) << router;
    EXPECT_FALSE(over.backlog[1].grows()) << router;
    EXPECT_TRUE(over.overloaded()) << router;
    EXPECT_EQ(over.backlog[0].arrivals + over.backlog[1].arrivals, over.arrivals) << router;
    cell.rate = 95;
    EXPECT_FALSE(cell.run(0).overloaded()) << router;
  }
}

/// Where 2,000 requests are recorded and a generation has one server of twenty.
TEST(Overload, IsNotSeenAtStableLoads) {
  std::vector<std::size_t> of(19, 0);
  of.push_back(1);
  for (const RouterKind& kind : router_kinds()) {
    int seen = 0, missed = 0;
    for (std::uint32_t trial = 0; trial < 20; ++trial)
      for (const double load : {0.8, 0.9, 0.95}) {
        CellCase cell({server(1), server(1)}, of, requests_of(exponential), 20 * load, kind.name,
                      400, 100 / load);
        seen += cell.run(trial).overloaded();
        cell.rate = 20 * 1.5;
        missed += !cell.run(trial).overloaded();
      }
    EXPECT_EQ(seen, 0) << kind.name;
    EXPECT_EQ(missed, 0) << kind.name;
  }
  for (const double load : {0.8, 0.9, 0.95})
    for (std::uint32_t trial = 0; trial < 50; ++trial) {
      CellCase one = one_server(exponential, load);
      one.settings.window = ticks_of(2000 / load);
      EXPECT_FALSE(one.run(trial).overloaded()) << load << " trial " << trial;
    }
}

TEST(Routers, AllReachTheSumOnEqualServers) {
  for (const RouterKind& kind : router_kinds()) {
    CellCase cell(server(1), 20, requests_of(exponential), 20 * 0.95, kind.name, 3000, 10000);
    EXPECT_FALSE(cell.run(0).overloaded()) << kind.name;
    cell.rate = 20 * 1.05;
    EXPECT_TRUE(cell.run(0).overloaded()) << kind.name;
  }
}

/// One server of 20 at half its speed: who looks at queues loses next to nothing, who does not
/// piles up requests there.
TEST(Routers, ASlowServerCostsThoseWhoLookNearlyNothing) {
  std::vector<std::size_t> of(19, 0);
  of.push_back(1);
  const auto response = [&](const char* router, double slow) {
    ReplicaSort other = server(1, slow);
    other.rate = 1;  // nobody knows
    CellCase cell({server(1), other}, of, requests_of(exponential), 20 * 0.7, router, 500, 4000);
    return Measured(each_trial(cell, mean_response)).mean;
  };
  EXPECT_LT(response("least_outstanding", 0.5), 1.06 * response("least_outstanding", 1));
  EXPECT_GT(response("random", 0.5), 1.5 * response("random", 1));
}

TEST(Routers, OldSignalsCost) {
  const auto response = [&](double delay) {
    CellCase cell(server(1), 50, requests_of(exponential), 50 * 0.8, "least_outstanding", 200, 500);
    cell.settings.signal_delay = ticks_of(delay);
    return Measured(each_trial(cell, mean_response)).mean;
  };
  const double fresh = response(0), nearly = response(1e-4), old = response(1);
  EXPECT_NEAR(nearly / fresh, 1, 0.01);
  EXPECT_GT(old, 1.5 * fresh);
}

}  // namespace
}  // namespace lockstep
