#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/training/course/chunk_calls.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// Which draws messages of a step get.
struct StepNoise {
  const Noise* noise = nullptr;  ///< nullptr: none
  std::uint64_t seed = 0;
  std::uint32_t trial = 0, step = 0;

  /// No message but a few late ones has noise.
  bool is_sparse() const { return !noise || noise->hop_jitter.is_none(); }
};

/// The phases of a window around compute, on the links of a trial: every group runs them, one after
/// another, on its first chunk, then on the next. Groups are the layout's; those of other phases
/// lie within one of these.
///
/// Each call has messages of its own, late ones too. A first call is run as it is; of the others
/// the quiet ones take what they take where all begin at once, and those with late messages what
/// these add to that.
class WindowCalls {
 public:
  /// Of the first `rows` phases of the point. Not kept beyond it.
  WindowCalls(const DesignPoint& point, Window window, std::size_t rows);
  /// The links from now on; what `links` refers to is read here only. `known`: of the same phases,
  /// or null.
  void begin(const LinkState& links, const StageWindow* known);

  bool empty() const { return phases_.empty(); }
  std::int64_t chunks() const { return chunks_; }
  /// Of one chunk without noise, on healthy links [s].
  double time() const { return time_; }
  /// StageWindow::times on these links, or null where they are of no use; congestion changes all
  /// links in every step, and is left to the kernels.
  const double* times() const { return times_; }
  /// Where these are known, the same of a group alone.
  GroupTimes& group_times() { return *group_times_; }
  /// What a chunk takes in each group that begins at once, without noise on these links, and in the
  /// slowest of a stage's, (groups) and (stages) [s].
  const std::vector<double>& took() const { return took_; }
  const std::vector<double>& stage_took() const { return stage_took_; }

  /// The calls of first chunks: of `groups`, ready and finish as CollectiveTrial::run has them.
  /// Without `late` messages none is.
  void run_first(std::span<const std::int64_t> groups, const StepNoise& noise, bool late,
                 const double* ready, double* finish, const Execution& how);

  /// A group some of whose calls have late messages.
  struct LateGroup {
    std::int64_t group;
    double in_first = 0;  ///< delays of the first call's [s]
    struct Call {
      std::size_t phase;
      std::int64_t call;
      SpikeStart start;  ///< of the row (its group there)
      double delays;     ///< of all its messages [s]
    };
    std::vector<Call> others;
    /// What calls but the first take longer at most.
    std::vector<LateCall> most() const;
  };
  /// In the order of groups. Cost: one draw for each row of a phase, and one a late message.
  std::vector<LateGroup> find_late(const StepNoise& noise) const;
  /// What late messages add to calls but the first, of each of `groups`; cost: a call for each.
  std::vector<std::vector<LateCall>> delays(std::span<const LateGroup> groups,
                                            const StepNoise& noise, const Execution& how);

 private:
  const PlannedPhase& planned(std::size_t phase) const { return point_.phases()[phase]; }
  std::int64_t group_of(std::size_t phase, std::int64_t row) const;
  MessageNoise noise_of(std::size_t phase, const StepNoise& noise) const;
  void find_took(const LinkState& links);
  std::vector<double> latest_ends(std::size_t phase, std::span<const std::int64_t> rows,
                                  const MessageNoise& noise, const Execution& how);
  void run_rows(std::size_t phase, std::span<const std::int64_t> rows, const MessageNoise& noise,
                const double* ready, double* finish, const Execution& how) const;

  const DesignPoint& point_;
  std::vector<std::size_t> phases_;
  std::int64_t chunks_ = 1;
  double time_ = 0;
  std::vector<const CollectiveTrial*> trials_;                // (phases)
  std::vector<std::unique_ptr<CollectiveTrial>> own_trials_;  // those that the point does not have
  std::vector<std::vector<double>> row_times_;                // (phases, rows) on these links [s]
  const double* times_ = nullptr;
  std::optional<GroupTimes> group_times_;
  std::vector<double> own_times_, took_, stage_took_;
  std::vector<double> begin_, end_, zeros_;  // (groups, replicas) of a phase's rows
  // (phases) of zeros_ to the latest end; nothing yet, or null where the kernels have none.
  std::vector<std::optional<std::unique_ptr<LatestFinish>>> by_chains_;
};

}  // namespace lockstep
