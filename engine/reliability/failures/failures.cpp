#include "engine/reliability/failures/failures.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"
#include "engine/base/text/quantity.hpp"

namespace lockstep {
namespace {

/// Failures that one trial can follow: some seconds of them.
constexpr double most_failures = 1e8;

/// A source of failures that are a Poisson process over equal parts.
struct PartSource {
  FailureCause cause;
  Failure::Kind kind;
  Purpose purpose;
  std::string_view key;
  double FailureRates::*rate;  ///< of a part
  double (*parts)(const LongRunJob& job);
  /// Fills in what a part at share u of them takes.
  void (*take)(const LongRunJob& job, double u, Failure& failure);
};

double cables_of(const LongRunJob& job) {
  return job.cables.total();
}

void take_node_of_cable(const LongRunJob& job, double u, Failure& failure) {
  const std::int64_t node = job.cables.at(u);
  failure.nodes = {node, node + 1};
}

void take_no_node(const LongRunJob&, double, Failure&) {}

constexpr PartSource part_sources[] = {
    {FailureCause::leaf_switch, Failure::Kind::interruption, purpose::switch_failure,
     "reliability.switch_failure_rate", &FailureRates::leaf_switch,
     [](const LongRunJob& job) { return static_cast<double>(job.switches.size()); },
     [](const LongRunJob& job, double u, Failure& failure) {
       const auto below = static_cast<std::size_t>(u * static_cast<double>(job.switches.size()));
       failure.some = job.switches[below];
       failure.nodes = {failure.some.front().first, failure.some.back().last};
     }},
    {FailureCause::cable, Failure::Kind::interruption, purpose::cable_failure,
     "reliability.cable_failure_rate", &FailureRates::cable, cables_of, take_node_of_cable},
    {FailureCause::optical_switch, Failure::Kind::interruption, purpose::ocs_failure,
     "reliability.ocs_failure_rate", &FailureRates::optical_switch,
     [](const LongRunJob& job) { return static_cast<double>(job.optical_switches); }, take_no_node},
    {FailureCause::maintenance, Failure::Kind::plan, purpose::maintenance,
     "reliability.maintenance", &FailureRates::maintenance,
     [](const LongRunJob& job) { return static_cast<double>(job.nodes); },
     [](const LongRunJob& job, double u, Failure& failure) {
       const auto node = static_cast<std::int64_t>(u * static_cast<double>(job.nodes));
       failure.nodes = {node, node + 1};
     }},
    {FailureCause::link_flap, Failure::Kind::delay, purpose::link_flap,
     "reliability.link_flap_rate", &FailureRates::link_flap, cables_of, take_no_node},
};

/// The domain of a node, in LongRunJob::domains; the node alone where there are none.
NodeSpan domain_of(const LongRunJob& job, std::int64_t node) {
  if (job.domains.empty()) return {node, node + 1};
  const auto end = std::upper_bound(job.domains.begin(), job.domains.end(), node);
  return {*(end - 1), *end};
}

/// Failures expected of nodes alone and of domains of several nodes [1/s], and how many of these
/// there are.
struct NodeAndDomainRates {
  double nodes = 0, domains = 0, several = 0;
};

NodeAndDomainRates node_and_domain_rates(const Reliability& reliability, const LongRunJob& job) {
  const NodeRuns rates = node_rates(reliability, job);
  NodeAndDomainRates all;
  for (const NodeRuns::Run& run : rates.runs())
    all.nodes += static_cast<double>(run.nodes()) * mean_failure_rate(reliability, run.each);
  const double share = reliability.rates.domain_share;
  if (share == 0) return all;
  for (std::size_t d = 0; d + 1 < job.domains.size(); ++d) {
    const std::int64_t size = job.domains[d + 1] - job.domains[d];
    if (size == 1) continue;
    const double rate = share * mean_failure_rate(reliability, rates.of(job.domains[d]));
    all.domains += rate;
    all.nodes -= static_cast<double>(size) * rate;
    all.several += 1;
  }
  return all;
}

}  // namespace

Failures::Failures(const Reliability& reliability, const LongRunJob& job, std::uint64_t seed,
                   std::uint32_t trial)
    : reliability_(reliability),
      job_(job),
      nodes_(reliability, job, seed, trial),
      domains_{seed, purpose::domain_failure, trial},
      of_nodes_(next_of_nodes()) {
  for (std::size_t row = 0; row < std::size(part_sources); ++row) {
    const PartSource& part = part_sources[row];
    const double rate = reliability.rates.*(part.rate) * part.parts(job);
    if (rate == 0) continue;
    const Stream stream{seed, part.purpose, trial};
    PoissonEvents events(stream, rate, reliability.horizon);
    const PoissonEvents::Event first = events.next();
    sources_.push_back({row, stream, events, first});
  }
}

Failure Failures::next() {
  Source* first = nullptr;
  for (Source& source : sources_)
    if (source.coming.time < (first ? first->coming.time : of_nodes_.time)) first = &source;
  return first ? taken(*first) : std::exchange(of_nodes_, next_of_nodes());
}

Failure Failures::next_of_nodes() {
  const double share = reliability_.rates.domain_share;
  for (;;) {
    const NodeFailure failed = nodes_.next();
    Failure failure{
        .time = failed.time, .number = node_failures_++, .nodes = {failed.node, failed.node + 1}};
    if (share == 0 || failure.time >= reliability_.horizon) return failure;
    const NodeSpan domain = domain_of(job_, failed.node);
    const auto size = static_cast<double>(domain.last - domain.first);
    const double u = domains_.uniform(0, failure.number);
    if (size == 1 || u >= share) return failure;
    if (u * size >= share) continue;
    failure.cause = FailureCause::domain;
    failure.nodes = domain;
    return failure;
  }
}

Failure Failures::taken(Source& source) {
  const PartSource& part = part_sources[source.row];
  const auto [time, mark, number] = std::exchange(source.coming, source.events.next());
  Failure failure{.time = time, .kind = part.kind, .cause = part.cause, .number = number};
  part.take(job_, mark, failure);
  if (part.kind == Failure::Kind::delay) {
    failure.phase = mark;
    failure.duration = reliability_.rates.flap_duration.sample(source.stream.uniform(1, number));
  }
  return failure;
}

std::vector<FailureRate> failure_rates(const Reliability& reliability, const LongRunJob& job) {
  const auto [nodes, domains, several] = node_and_domain_rates(reliability, job);
  constexpr auto stops = Failure::Kind::interruption;
  double highest = 0;
  const NodeRuns of_nodes = node_rates(reliability, job);
  for (const NodeRuns::Run& run : of_nodes.runs()) highest = std::max(highest, run.each);
  std::vector<FailureRate> rates{{FailureCause::node, stops, job.node_rate_key, highest,
                                  static_cast<double>(job.nodes), nodes},
                                 {FailureCause::domain, stops, "reliability.domain_failure_share",
                                  reliability.rates.domain_share * highest, several, domains}};
  for (const PartSource& part : part_sources) {
    const double each = reliability.rates.*(part.rate), parts = part.parts(job);
    rates.push_back({part.cause, part.kind, part.key, each, parts, each * parts});
  }
  return rates;
}

double interruption_rate(const Reliability& reliability, const LongRunJob& job) {
  double all = 0;
  for (const FailureRate& rate : failure_rates(reliability, job))
    if (rate.kind == Failure::Kind::interruption) all += rate.all;
  return all;
}

double flap_delay(double phase, double duration, double step_time, double communication_time) {
  const double begins = phase * step_time;
  return std::max(0.0, begins + duration - std::max(begins, step_time - communication_time));
}

void check_long_run(const Reliability& reliability, const LongRunJob& job, double step_time) {
  const std::string horizon = format_quantity(reliability.horizon, Dimension::time);
  if (!(step_time > 0))
    throw InputError(
        fmt::format("reliability.horizon = {} (a step's compute takes no time, so that it holds "
                    "any number of steps) give the job work",
                    horizon));
  if (reliability.horizon < step_time)
    throw InputError(fmt::format(
        "reliability.horizon = {} is below one step (whose compute alone takes {:.4g} s) write a "
        "longer time, or none",
        horizon, step_time));
  const double restart =
      reliability.restart_time + reliability.communicator_startup * static_cast<double>(job.ranks);
  if (const auto& detection = reliability.straggler_detection_time;
      detection && most_failures * (*detection + restart) < reliability.horizon)
    throw InputError(fmt::format(
        "reliability.straggler_detection_time = {} (stragglers may leave without end: restarts take"
        " {}) raise one of them",
        format_quantity(*detection, Dimension::time), format_rounded(restart, Dimension::time)));
  const std::vector<FailureRate> rates = failure_rates(reliability, job);
  double failures = 0;
  for (const FailureRate& rate : rates) failures += rate.all * reliability.horizon;
  if (failures <= most_failures) return;
  auto most =
      std::max_element(rates.begin(), rates.end(),
                       [](const FailureRate& a, const FailureRate& b) { return a.all < b.all; });
  if (most->cause == FailureCause::domain) most = rates.begin();  // it is a share of nodes' rates
  throw InputError(fmt::format(
      "{} = {} brings {:.3g} failures and flaps in reliability.horizon = {}, most of them from "
      "its {:.0f} parts (at most {:.0e} can be followed in a trial) lower one of them",
      most->key, format_quantity(most->each, Dimension::rate), failures, horizon, most->parts,
      most_failures));
}

}  // namespace lockstep
