#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/base/parameter.hpp"
#include "engine/machine/fabric.hpp"
#include "engine/machine/fleet.hpp"
#include "engine/machine/layout.hpp"
#include "engine/network/message_graph.hpp"
#include "engine/network/operation.hpp"
#include "engine/network/replacement.hpp"
#include "engine/network/slices.hpp"
#include "engine/noise/noise.hpp"

namespace lockstep {

class Collective;

/// What a topology builds a collective for: an operation on all parallel groups of one design
/// point.
struct CollectiveRequest {
  Operation operation;
  const Fleet& fleet;
  const Layout& layout;  ///< its rows are the groups
  const Fabric& fabric;
  const Noise& noise;               ///< what methods are chosen by
  const Values& values;             ///< for the kind's own topology.* parameters
  double bytes = 0;                 ///< buffer of each rank, see operation_rows [B]
  GroupShape groups;                ///< which of the job's chips the rows hold
  std::int64_t model_parallel = 1;  ///< chips of a replica of the job
  /// Of another operation on the same rows: what follows from these alone is shared with it.
  const Collective* like = nullptr;
};

/// Cost of a message with hop_jitter in units of 0.1 ns, drawn in rows: 8 if exponential, 11 by
/// table (AVX-512).
inline constexpr double jittered_message_cost = 10;

/// In place of a time: a rank that is left out [s].
inline constexpr double left_out = -1e300;

/// The latest end of an operation of which few messages are late, from the ready times.
class LatestFinish {
 public:
  virtual ~LatestFinish() = default;
  /// For each of the groups first .. last-1, whole calls of them, max over ranks q of finish(q) +
  /// after(q) [s], to latest (last - first). `noise` has no hop_jitter. ready: (groups, ranks) of
  /// the whole job [s], of which the rows of these are read. Several threads may call it.
  virtual void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
                   const double* ready, double* latest) const = 0;
};

/// The collective on the links of one trial.
class CollectiveTrial {
 public:
  virtual ~CollectiveTrial() = default;
  /// The operation once, on the groups first .. last-1. ready and finish are (groups, ranks) of the
  /// whole job [s]; only the rows of these groups are read and written. Several threads may call
  /// it for disjoint groups, with one worker each; a lone caller may offer several. One that takes
  /// more than a second looks in between whether it is given up.
  virtual void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
                   const double* ready, double* finish, const Execution& how) const = 0;
  /// The operation without noise, against time. It is max-plus linear in the ready times (Baccelli
  /// et al., Synchronization and Linearity, 1992): with cost(r) = max over q of the longest chain
  /// from r's being ready to q's finish + after(q),
  ///   max over q of finish(q) + after(q) = max over r of ready(r) + cost(r)
  /// for all ready times. after, cost: (groups, ranks) as in run [s]; left_out: that finish does
  /// not count. Returns false, and leaves `cost` alone, where the algorithm has no such pass.
  virtual bool run_back(std::int64_t /*first_group*/, std::int64_t /*last_group*/,
                        const double* /*after*/, double* /*cost*/) const {
    return false;
  }
  /// What run() and a maximum over finish + after give, to rounding, at a cost that grows with the
  /// late messages; made at the cost of some runs. after: (groups, ranks) [s], as in run_back; it
  /// and the trial must outlive what is made. nullptr where the algorithm has no such way.
  virtual std::unique_ptr<LatestFinish> latest_finish(const double* /*after*/) const {
    return nullptr;
  }
};

/// An operation of one topology at one design point.
class Collective {
 public:
  virtual ~Collective() = default;
  /// Links a chip owns for slow-link draws: 1 (its NIC), or its cable in each torus dimension.
  virtual int links_per_chip() const = 0;
  /// Groups that a kernel handles together; callers split work at multiples of it.
  virtual std::int64_t groups_per_call() const = 0;
  /// Of these so few, each by itself, are cheaper than a call, and have the same bits.
  virtual std::int64_t most_alone() const { return 0; }
  /// Message numbers of one group run from 0 to this less one.
  virtual std::int64_t messages_per_group() const = 0;
  /// Estimated cost of one call for all groups under `noise`, in units of about 0.1 ns on one
  /// core: from ranks and method alone, for splitting work the same way on every machine.
  virtual double cost_per_step(const Noise& noise) const = 0;
  /// A few bytes reduced over all chips of the job and sent back to all, without noise [s].
  virtual double scalar_all_reduce_time() const = 0;
  /// What was chosen where the study left it open: "Simple, 1 channel".
  virtual std::string choice() const = 0;
  /// What a user should know of its cost before a run; "": nothing.
  virtual std::string warning() const { return ""; }
  /// Larger than any machine of this kind that was published.
  virtual bool extrapolated() const = 0;
  /// The groups that these links, (links_per_chip, groups, ranks), slow down, in order. On those of
  /// their own chips, unless a kind shares them otherwise.
  virtual std::vector<std::int64_t> slowed_groups(std::span<const double> link,
                                                  std::int64_t ranks) const;
  /// The collective on links as they are now; what `links` refers to is read here only.
  virtual std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const = 0;
  /// The message graph of one group, for small groups.
  virtual MessageGraph graph(std::int64_t group, const LinkState& links) const = 0;
};

inline constexpr Operation all_reduce_alone[] = {Operation::all_reduce};
inline constexpr Operation all_operations[] = {Operation::all_reduce, Operation::reduce_scatter,
                                               Operation::all_gather, Operation::all_to_all,
                                               Operation::send};

/// What a step asks of a topology whose shape is open. Operations hidden behind the same compute
/// cost together what they take beyond its time, others all they take.
struct AskedOperation {
  Operation operation;
  double bytes = 0;  ///< as in a request [B]
  /// No ranks: as many as there are, at a stride of 1 those of data-parallel groups.
  GroupShape groups{0, 1};
  double count = 1;          ///< how often
  std::int32_t behind = -1;  ///< number of the compute that hides it; -1: none does
  double room = 0;           ///< of that compute, for all that it hides [s]
  bool operator==(const AskedOperation&) const = default;
};

/// What a topology chooses its shape and the like by; of `values` its own rows.
struct SettleRequest {
  const Values& values;
  const Fleet& fleet;
  const Fabric& fabric;
  std::int64_t replicas = 1;  ///< that there are chips for
  std::int64_t tensor = 1, pipeline = 1;
  std::span<const AskedOperation> asked;
  double computing = 0;  ///< of a step, beside what is asked, where no chip stays idle [s]
};

/// The values with what was open filled in, and what was chosen against.
struct Settled {
  Values values;
  std::string note;
};

/// A topology: one row of the table that parser, help, docs and invariant tests read.
struct TopologyKind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::span<const Parameter> parameters;  ///< its own topology.* rows
  /// The most of `replicas` model-parallel groups that its shape can use. Throws InputError on an
  /// impossible shape.
  std::int64_t (*usable_replicas)(const Values& values, std::int64_t replicas,
                                  std::int64_t model_parallel);
  std::unique_ptr<Collective> (*make)(const CollectiveRequest& request);
  /// What `make` takes.
  std::span<const Operation> operations = all_reduce_alone;
  /// The kind on the same wiring that runs the other operations; nullptr: nobody does.
  const TopologyKind* stand_in = nullptr;
  /// Fills in what a study leaves open, such as a shape; nullptr: nothing is. Where values are not
  /// settled, the other functions fill in something sound of their own.
  Settled (*settle)(const SettleRequest& request) = nullptr;
  /// What a message costs follows from the slots of its ends and of those beside them, so that a
  /// part of a job speaks as it does in the whole.
  bool is_local = false;
  /// What replaces a failed node of a job of so many replicas.
  Replacement (*replacement)(const Values& values, std::int64_t replicas,
                             std::int64_t model_parallel) = replace_node;
  /// How slices are cut from a machine with hosts down. Throws InputError, naming
  /// reliability.slice_chips, on a size that it cannot cut.
  std::unique_ptr<Slices> (*slices)(const SliceRequest& request) = slices_of_chips;
  /// What else fails in a job of so many chips.
  Parts (*parts)(const Values& values, std::int64_t chips) = switched_parts;
};

/// The kind that runs an operation on a topology: itself, or one that stands in. Throws InputError
/// where nobody does.
const TopologyKind& runner_of(const TopologyKind& kind, Operation operation);

/// The collective of a topology, by whoever runs it. Throws InputError as runner_of and make do.
std::unique_ptr<Collective> collective_on(const TopologyKind& kind,
                                          const CollectiveRequest& request);

}  // namespace lockstep
