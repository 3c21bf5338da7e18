#include "topologies/nccl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/base/error.hpp"
#include "topologies/algorithms/pat/pat_exchange.hpp"
#include "topologies/algorithms/ring/ring_method.hpp"
#include "topologies/algorithms/tree/tree_collective.hpp"
#include "topologies/kind.hpp"
#include "topologies/ring.hpp"
#include "topologies/switch_reduce.hpp"
#include "topologies/wiring/nccl/hop_use.hpp"

namespace lockstep {
namespace {

struct NcclChoice {
  NcclAlgorithm algorithm = NcclAlgorithm::tree;
  NcclProtocol protocol = NcclProtocol::simple;
};

/// NCCL runs NVLS for other operations than all_reduce with SHARP across nodes alone.
bool is_left_out(const NcclGroup& group, Operation operation, NcclAlgorithm algorithm) {
  return algorithm == NcclAlgorithm::nvls && group.nodes == 1 && operation != Operation::all_reduce;
}

/// The least of NCCL's estimates for a group.
NcclChoice choose(const CollectiveRequest& request, std::int64_t index) {
  NcclGroup group = nccl_group(request, index);
  group.sharp = request.values.text("topology.sharp") == "on";
  const NcclChannels rings = nccl_ring_channels(
      request, index, resolve_channels(request)[static_cast<std::size_t>(index)]);
  const NcclChannels nvls = nvls_channels(request, index);
  NcclChoice best;
  std::optional<double> least;
  for (std::size_t a = 0; a < nccl_algorithm_names.size(); ++a)
    for (NcclProtocol protocol : open_protocols(request.fabric)) {
      const auto algorithm = static_cast<NcclAlgorithm>(a);
      const bool by_switch =
          algorithm == NcclAlgorithm::nvls || algorithm == NcclAlgorithm::nvls_tree;
      if (is_left_out(group, request.operation, algorithm)) continue;
      const auto cost = nccl_cost(group, request.operation, algorithm, protocol,
                                  by_switch ? nvls : rings, request.bytes);
      if (!cost || (least && !(cost->time < *least))) continue;
      least = cost->time;
      best = {algorithm, protocol};
    }
  return best;
}

std::int64_t widest_group(const CollectiveRequest& request) {
  const std::vector<NcclGroup> groups = nccl_groups(request);
  return std::ranges::max_element(groups, {}, &NcclGroup::nodes) - groups.begin();
}

/// Another collective, under the name of what was chosen.
class Nccl final : public Collective {
 public:
  explicit Nccl(const CollectiveRequest& request) : fabric_(request.fabric) {
    NcclChoice choice;
    if (!fabric_.uniform()) {
      const std::int64_t group = widest_group(request);
      choice = choose(request, group);
      nodes_ = nccl_group(request, group).nodes;
    } else if (request.operation != Operation::all_reduce) {
      choice.algorithm = NcclAlgorithm::ring;
    }
    name_ = name_of(choice.algorithm);
    fabric_.protocol = name_of(choice.protocol);
    const auto* like = dynamic_cast<const Nccl*>(request.like);
    const CollectiveRequest chosen{request.operation,      request.fleet,
                                   request.layout,         fabric_,
                                   request.noise,          request.values,
                                   request.bytes,          request.groups,
                                   request.model_parallel, like ? like->taken_.get() : nullptr};
    taken_ = make(choice.algorithm, chosen);
  }

  int links_per_chip() const override { return taken_->links_per_chip(); }
  std::int64_t groups_per_call() const override { return taken_->groups_per_call(); }
  std::int64_t messages_per_group() const override { return taken_->messages_per_group(); }
  double cost_per_step(const Noise& noise) const override { return taken_->cost_per_step(noise); }
  double scalar_all_reduce_time() const override { return taken_->scalar_all_reduce_time(); }
  std::string choice() const override { return fmt::format("{}, {}", name_, taken_->choice()); }
  std::string warning() const override { return taken_->warning(); }
  bool extrapolated() const override { return taken_->extrapolated(); }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override {
    return taken_->begin_trial(links);
  }
  MessageGraph graph(std::int64_t group, const LinkState& links) const override {
    return taken_->graph(group, links);
  }

 private:
  std::unique_ptr<Collective> make(NcclAlgorithm algorithm, const CollectiveRequest& request) {
    switch (algorithm) {
      case NcclAlgorithm::tree:
        return make_tree_collective(request, TreeStyle::chains);
      case NcclAlgorithm::nvls_tree:
        return make_tree_collective(request, TreeStyle::nvls);
      case NcclAlgorithm::nvls:
        if (nodes_ == 1) return make_tree_collective(request, TreeStyle::nvls);
        name_ += " and SHARP";
        return switch_reduce_topology.make(request);
      case NcclAlgorithm::pat:
        return std::make_unique<PatExchange>(request);
      case NcclAlgorithm::collnet_direct:
      case NcclAlgorithm::collnet_chain:
        return switch_reduce_topology.make(request);
      default:
        return ring_topology.make(request);
    }
  }

  Fabric fabric_;  // with the protocol
  std::int64_t nodes_ = 1;
  std::string name_;
  std::unique_ptr<Collective> taken_;
};

std::span<const Parameter> nccl_parameters() {
  static const std::vector<Parameter> rows{
      channels_parameter(),
      chunks_parameter(),
      method_parameter(),
      switch_latency_parameter(),
      {.key = "topology.sharp",
       .number = 96,
       .type = ValueType::choice,
       .default_text = "off",
       .words = {"off", "on"},
       .shapes_arrays = true,
       .summary =
           "nccl: whether the network's switches reduce, which opens CollNet and NVLS across "
           "domains, run as switch_reduce",
       .source = "NCCL_COLLNET_ENABLE is 0 by default (NCCL 2.30 user guide)"}};
  return rows;
}

void refuse_foreign_chips(const CollectiveRequest& request) {
  if (request.fabric.uniform()) return;  // no figure of the model is read
  for (const FleetGeneration& generation : request.fleet.generations)
    if (const Chip& chip = generation.chip; !nccl_generation(chip.nccl))
      throw InputError(
          fmt::format("topology.kind = nccl with {} (NCCL does not run on it) take ring, tree or "
                      "hierarchical_ring, or say by chip.{}.nccl whose figures it has",
                      chip.name, chip.name));
}

std::unique_ptr<Collective> make_nccl(const CollectiveRequest& request) {
  refuse_foreign_chips(request);
  if (request.operation == Operation::all_to_all || request.operation == Operation::send)
    return ring_topology.make(request);
  return std::make_unique<Nccl>(request);
}

}  // namespace

const TopologyKind nccl_topology{
    .name = "nccl",
    .summary =
        "what NCCL's model takes by operation, group and size: ring, tree, PAT, NVLS, NVLS tree, "
        "CollNet, on a switched fabric",
    .source = "NCCL 2.30, src/graph/tuning.cc",
    .parameters = nccl_parameters(),
    .usable_replicas = any_replicas,
    .make = make_nccl,
    .operations = all_operations,
    .is_local = true,
};

}  // namespace lockstep
