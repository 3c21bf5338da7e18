#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace lockstep {

/// One message of a collective. Its source may start it when the source is ready, all `inputs`
/// have arrived and the messages `after_send` have left; it arrives latency + serialization later,
/// not earlier than one serialization after each of `after_receive`, plus its noise.
struct Message {
  std::int32_t source = 0, destination = 0;  ///< ranks, or switches numbered behind them
  double latency = 0;                        ///< [s]
  double serialization = 0;                  ///< bytes / rate [s]
  double bytes = 0;
  std::int64_t number = 0;                                      ///< identity for noise
  std::vector<std::int32_t> inputs, after_send, after_receive;  ///< indices of earlier messages
  bool receiver_ready = false;  ///< the receive port opens when the destination is ready
};

/// A collective of one data-parallel group, message by message, in an order in which every message
/// follows those it depends on. The plain statement of what a topology does: kernels must equal
/// its evaluation. For small groups; memory grows with the number of messages.
struct MessageGraph {
  std::int64_t ranks = 0;
  double start_latency = 0;  ///< before any rank's first message [s]
  std::vector<Message> messages;
  std::int64_t switches = 0;  ///< vertices that pass messages on and have nothing of their own

  std::int64_t vertices() const { return ranks + switches; }

  /// Finish time of each rank: when it has everything. ready (ranks) [s]; noise(number) [s].
  std::vector<double> evaluate(std::span<const double> ready,
                               const std::function<double(std::int64_t)>& noise) const;
};

}  // namespace lockstep
