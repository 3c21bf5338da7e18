#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "topologies/wiring/rail_layout.hpp"

namespace lockstep {

/// Every rank of a cluster sends one message to each of the others, in row s = 1 .. rails - 1 to
/// the one s places on, chunk after chunk: what a reduce-scatter and an all-gather inside a domain
/// are when each rank has a port to all others. A send port is free again after a chunk's messages,
/// a receive port takes them one after the other. Sends wait for nothing else, so that without
/// noise, with a = latency and serialization g of a message,
///
///   arrival(j) = max(port(j) + (m - 1) g, max over i other than j of start(i) + (m - 2) g + a + g)
///
/// wherever in the chunk i's message to j stands. Arrays are (rails, clusters).
class DomainExchange {
 public:
  /// serialization: (clusters) of one message [s]; latency: of one, without it [s].
  DomainExchange(const RailLayout& grid, std::span<const double> rate, double bytes,
                 double latency);

  /// What the messages of a chunk take of a port of this cluster [s].
  double port_time(std::size_t cluster) const { return port_time_[cluster]; }

  /// Takes a chunk's first starts to those of a chunk `steps` later, sent no sooner than `have`.
  void advance_start(double steps, const std::vector<double>& have,
                     std::vector<double>& start) const;

  /// Takes receive ports from the last chunk followed to one `steps` later, whose first messages
  /// start at `start`, without noise.
  void advance(double steps, const std::vector<double>& start, std::vector<double>& port);

  /// Takes the receive port of every place through one more chunk whose messages have noise on
  /// their arrival: delay, (rails - 1, rails, clusters) [s].
  void advance_late(const std::vector<double>& start, std::span<const double> delay,
                    std::vector<double>& port) const;

  /// The same of one place: delay, (rails - 1) [s]. Returns its port.
  double advance_late(std::size_t place, const std::vector<double>& start,
                      std::span<const double> delay, double port) const;

 private:
  /// From the start of a chunk at its source to the end of the message in `row`, from 1, alone.
  double after(std::size_t row, std::size_t cluster) const {
    return latency_ + static_cast<double>(row) * gap_[cluster];
  }

  double latency_;
  std::size_t rails_, clusters_;
  std::vector<double> gap_, port_time_, last_;  // (clusters) last_: start to end of a chunk alone
  std::vector<double> latest_, second_;         // (clusters) the two latest starts
};

}  // namespace lockstep
