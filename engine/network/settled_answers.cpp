#include "engine/network/settled_answers.hpp"

#include <algorithm>

namespace lockstep {
namespace {

Value value_of(const Values& values, std::string_view key) {
  const Value* found = values.find(key);
  return found ? *found : Value{};
}

}  // namespace

SettledAnswer::Question::Question(const TopologyKind& of_kind, const SettleRequest& request)
    : kind(&of_kind),
      fleet(request.fleet),
      fabric(request.fabric),
      replicas(request.replicas),
      tensor(request.tensor),
      pipeline(request.pipeline),
      asked(request.asked.begin(), request.asked.end()),
      computing(request.computing) {
  fleet.chip_spread = 0;
  for (const Parameter& row : of_kind.parameters)
    rows.push_back(value_of(request.values, row.key).canonical);
}

SettledAnswer::SettledAnswer(const TopologyKind& kind, const SettleRequest& request)
    : question_(kind, request) {
  Settled settled = kind.settle(request);
  for (const Parameter& row : kind.parameters) chosen_.push_back(value_of(settled.values, row.key));
  note_ = std::move(settled.note);
}

Settled SettledAnswer::settled(const SettleRequest& request) const {
  Settled settled{request.values, note_};
  for (std::size_t i = 0; i < chosen_.size(); ++i)
    settled.values.set(std::string(question_.kind->parameters[i].key), chosen_[i]);
  return settled;
}

std::shared_ptr<const SettledAnswer> SettledAnswers::find(const TopologyKind& kind,
                                                          const SettleRequest& request) const {
  const SettledAnswer::Question question(kind, request);
  const auto found = std::ranges::find_if(
      answers_, [&](const auto& answer) { return answer->question() == question; });
  return found == answers_.end() ? nullptr : *found;
}

void SettledAnswers::add(const std::shared_ptr<const SettledAnswer>& answer) {
  if (std::ranges::find(answers_, answer) == answers_.end()) answers_.push_back(answer);
}

}  // namespace lockstep
