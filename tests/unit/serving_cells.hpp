#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/serving/cell/cell.hpp"

namespace lockstep::test {

/// Tokens that a server of the theory makes a second: fine enough for continuous laws.
inline constexpr double tokens_per_second = 1e5;

/// A replica that is a server of queueing theory: so many slots, an iteration of 10 us whatever is
/// in them.
inline ReplicaSort server(std::int64_t slots, double speed = 1) {
  ReplicaSort sort;
  sort.law.fixed = 1 / (tokens_per_second * speed);
  sort.context_tokens = std::int64_t{1} << 60;
  sort.most_sequences = slots;
  sort.chunk = 1;
  sort.rate = speed;
  return sort;
}

/// One that shares its speed among all that it has.
inline ReplicaSort sharing_server() {
  ReplicaSort sort = server(std::int64_t{1} << 40);
  sort.law.fixed = 0;
  sort.law.compute = 1 / tokens_per_second;
  return sort;
}

/// Poisson arrivals without prompts; a law of service times of mean 1 s, in tokens: "1" a token.
inline RequestLaw requests_of(const std::string& service_in_tokens) {
  RequestLaw law;
  law.output = Distribution::parse(service_in_tokens, Dimension::none);
  law.longest = 2000000000;
  return law;
}

inline const RouterKind& router_named(std::string_view name) {
  for (const RouterKind& kind : router_kinds())
    if (kind.name == name) return kind;
  throw std::logic_error("no such router");
}

struct SeenRequest {
  double arrival, first_token, end;
  std::int32_t input, output, replica;
  bool lost;
  double response() const { return end - arrival; }
  bool operator==(const SeenRequest&) const = default;
};

class Seen final : public CellObserver {
 public:
  /// Those that arrive from .. until: late enough to be typical, early enough to leave.
  explicit Seen(double from = 0, double until = std::numeric_limits<double>::infinity())
      : from_(from), until_(until) {}
  void leaves(const Request& r, Ticks now, bool lost) override {
    const double arrival = seconds_of(r.arrival);
    if (arrival < from_ || arrival >= until_) return;
    all.push_back(
        {arrival, seconds_of(r.first_token), seconds_of(now), r.input, r.output, r.replica, lost});
  }
  std::vector<SeenRequest> all;

 private:
  double from_, until_;
};

struct CellCase {
  std::vector<ReplicaSort> sorts;
  std::vector<std::size_t> of;  ///< (replicas) sort
  RequestLaw law;
  double rate = 0;
  CellSettings settings;
  std::vector<CellChange> changes = {};

  CellCase(std::vector<ReplicaSort> s, std::vector<std::size_t> o, RequestLaw l, double r,
           std::string_view router, double warmup, double window)
      : sorts(std::move(s)), of(std::move(o)), law(std::move(l)), rate(r) {
    settings.router = &router_named(router);
    settings.warmup = ticks_of(warmup);
    settings.window = ticks_of(window);
    settings.first_token_limit = settings.token_limit = std::numeric_limits<double>::infinity();
    settings.mean_output = law.output.mean();
  }
  CellCase(const ReplicaSort& sort, std::size_t count, RequestLaw l, double r,
           std::string_view router, double warmup, double window)
      : CellCase({sort}, std::vector<std::size_t>(count, 0), std::move(l), r, router, warmup,
                 window) {}

  CellResult run(std::uint32_t trial, CellObserver* observer = nullptr) const {
    RequestSource source(law, rate, seed, trial, 0);
    std::vector<CellReplica> replicas;
    for (const std::size_t sort : of) replicas.push_back({&sorts[sort], sort, 1});
    return run_cell(replicas, sorts.size(), changes, source, settings,
                    {seed, purpose::request_route, trial}, 0, 1, observer);
  }
  static constexpr std::uint64_t seed = 20;
};

/// Mean and standard error of independent values.
struct Measured {
  double mean = 0, error = 0;
  explicit Measured(const std::vector<double>& values) {
    const auto n = static_cast<double>(values.size());
    for (const double v : values) mean += v / n;
    double squares = 0;
    for (const double v : values) squares += (v - mean) * (v - mean);
    error = std::sqrt(squares / (n * (n - 1)));
  }
  /// Distance from a value that is known to a share, in standard errors.
  double z(double value, double share = 0) const {
    return std::max(0.0, std::abs(mean - value) - share * std::abs(value)) / error;
  }
};

}  // namespace lockstep::test
