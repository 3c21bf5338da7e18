#include "topologies/algorithms/in_network/domain_exchange.hpp"

#include <algorithm>
#include <limits>

#include "topologies/algorithms/in_network/in_network_kernels.hpp"

namespace lockstep {

DomainExchange::DomainExchange(const RailLayout& grid, std::span<const double> rate, double bytes,
                               double latency)
    : latency_(latency),
      rails_(static_cast<std::size_t>(grid.rails)),
      clusters_(static_cast<std::size_t>(grid.clusters)) {
  if (rails_ == 1) return;
  for (double seconds_per_byte : rate) {
    gap_.push_back(bytes * seconds_per_byte);
    port_time_.push_back(static_cast<double>(rails_ - 1) * gap_.back());
    last_.push_back(after(rails_ - 1, gap_.size() - 1));
  }
}

void DomainExchange::advance_start(double steps, const std::vector<double>& have,
                                   std::vector<double>& start) const {
  const std::vector<double> at_once(clusters_, 0.0);
  for (std::size_t p = 0; p < start.size(); p += clusters_)
    in_network_kernels().advance(static_cast<std::int64_t>(clusters_), steps, port_time_.data(),
                                 at_once.data(), have.data() + p, start.data() + p);
}

void DomainExchange::advance(double steps, const std::vector<double>& start,
                             std::vector<double>& port) {
  const auto count = static_cast<std::int64_t>(clusters_);
  latest_.assign(clusters_, -std::numeric_limits<double>::infinity());
  second_ = latest_;
  for (std::size_t p = 0; p < start.size(); p += clusters_)
    in_network_kernels().rank(count, start.data() + p, latest_.data(), second_.data());
  for (std::size_t p = 0; p < start.size(); p += clusters_)
    in_network_kernels().receive(count, steps, port_time_.data(), last_.data(), start.data() + p,
                                 latest_.data(), second_.data(), port.data() + p);
}

void DomainExchange::advance_late(const std::vector<double>& start, std::span<const double> delay,
                                  std::vector<double>& port) const {
  for (std::size_t row = 1; row < rails_; ++row)
    for (std::size_t rail = 0; rail < rails_; ++rail) {
      const double* from = start.data() + (rail + rails_ - row) % rails_ * clusters_;
      const double* late = delay.data() + ((row - 1) * rails_ + rail) * clusters_;
      double* to = port.data() + rail * clusters_;
      for (std::size_t c = 0; c < clusters_; ++c)
        to[c] = std::max(to[c] + gap_[c], from[c] + after(row, c)) + late[c];
    }
}

double DomainExchange::advance_late(std::size_t place, const std::vector<double>& start,
                                    std::span<const double> delay, double port) const {
  const std::size_t rail = place / clusters_, c = place % clusters_;
  for (std::size_t row = 1; row < rails_; ++row)
    port = std::max(port + gap_[c],
                    start[(rail + rails_ - row) % rails_ * clusters_ + c] + after(row, c)) +
           delay[row - 1];
  return port;
}

}  // namespace lockstep
