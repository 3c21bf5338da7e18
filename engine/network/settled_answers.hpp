#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"

namespace lockstep {

/// What a topology was asked to settle and what it chose, kept apart from the design point that
/// asked.
class SettledAnswer {
 public:
  /// Asks the topology, which must have `settle`. Throws InputError as it does.
  SettledAnswer(const TopologyKind& kind, const SettleRequest& request);

  /// By its own rows, the chips, the fabric, the groups and the operations the topology is asked:
  /// of equal questions it says the same. What chips draw is noise, by which nothing is settled.
  struct Question {
    Question(const TopologyKind& of_kind, const SettleRequest& request);
    bool operator==(const Question&) const = default;

    const TopologyKind* kind;
    std::vector<std::string> rows;  ///< of the kind, as texts that are equal for equal values
    Fleet fleet;
    Fabric fabric;
    std::int64_t replicas, tensor, pipeline;
    std::vector<AskedOperation> asked;
    double computing;
  };

  const Question& question() const { return question_; }
  /// For a request of this question.
  Settled settled(const SettleRequest& request) const;

 private:
  Question question_;
  std::vector<Value> chosen_;  ///< of the kind's rows
  std::string note_;
};

/// The answers of a plan: what several design points ask is searched for once.
class SettledAnswers {
 public:
  /// nullptr where it is not among them.
  std::shared_ptr<const SettledAnswer> find(const TopologyKind& kind,
                                            const SettleRequest& request) const;
  void add(const std::shared_ptr<const SettledAnswer>& answer);

 private:
  std::vector<std::shared_ptr<const SettledAnswer>> answers_;
};

}  // namespace lockstep
