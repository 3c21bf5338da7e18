#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {

/// all_to_all and send on a switched fabric: messages from rank to rank, without a stop between.
///
/// all_to_all takes ranks - 1 rounds in each of which every rank sends one message and gets one
/// (Thakur, Rabenseifner and Gropp, Optimization of collective communication operations in MPICH,
/// IJHPCA 2005, section 4.4): to the rank some domains and some places in the domain further on, as
/// NCCL's schedule has it (2.30, src/enqueue.cc, p2p schedule), where all domains have as many
/// ranks of the group; else to the rank so many further on. send is one round: rank i to rank
/// i + 1, but for the last. Nobody waits for a round to end: a rank's NVLink and its NIC (one port
/// on a uniform fabric) send one message after another in the order of rounds and receive likewise.
/// Rounds mix, so that an uplink carries the mean of all of them. Noise-free, equal hops, all
/// ready: latency + (n - 1) / n bytes / bandwidth.
///
/// On a fabric with tiers all_to_all gets 0.89 of what NVLink gives a ring: DeepEP moves 726 and
/// 740 GB/s over 8 B200, a rank's own eighth counted (README of its version 2), 641 of a ring's
/// 722. NICs give it what they give rings, 94 and 63 GB/s so counted over 16 and 32 H100, of which
/// DeepEP reaches 90 and 61. NCCL's own all-to-all over 32 H100 has a bus of 48 GB/s (NVIDIA GTC'25
/// S72583), ours 61; no source says why.
///
/// Message number = (round - 1) x senders + the sender's place. Cost: 20 ns a message, of which
/// there are ranks^2.
class PairwiseExchange final : public Collective {
 public:
  explicit PairwiseExchange(const CollectiveRequest& request);

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t messages_per_group() const override { return rounds_ * senders_; }
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string choice() const override { return protocol_ + ", point to point"; }
  bool extrapolated() const override { return false; }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class PairwiseTrial;

  /// What a message costs on the links of a trial.
  struct Cost {
    double latency, gap;  ///< [s]
    std::size_t port;     ///< 0: NVLink, 1: NIC
  };

  std::int32_t chip(std::int64_t group, std::int64_t rank) const {
    return static_cast<std::int32_t>(group * ranks_ + rank);
  }
  /// Whom the rank at a place of `order_` sends to.
  std::int64_t receiver(std::int64_t group, std::int64_t round, std::int64_t place) const;
  std::int64_t rank(std::int64_t group, std::int64_t place) const {
    return order_[static_cast<std::size_t>(group * ranks_ + place)];
  }
  Cost cost(std::int64_t group, std::int64_t source, std::int64_t destination,
            const LinkState& links) const;
  void lay_out(const Layout& layout, std::int64_t group, Operation operation);
  void take(NcclProtocol protocol);

  LoadedFabric fabric_;
  std::int64_t ranks_, groups_;
  std::int64_t rounds_ = 0, senders_ = 0;  ///< senders: ranks that send in a round, the first ones
  std::vector<std::int32_t> order_;        // (groups, ranks): ranks domain by domain
  std::vector<std::int64_t> clusters_;  // (groups): ranks in each domain of it; 1 where they differ
  double message_bytes_, scalar_time_, base_latency_ = 0;
  double inside_share_ = 1;  // of what NVLink gives a ring
  bool one_port_ = false;
  PortUse use_;
  std::string protocol_;
};

}  // namespace lockstep
