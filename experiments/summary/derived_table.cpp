#include "experiments/summary/derived_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "experiments/summary/fullest_chip.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

/// Whole where it is whole: "225074176", "1023.44".
std::string format_tokens(double tokens) {
  return tokens == std::floor(tokens) && tokens < 1e15 ? fmt::format("{:.0f}", tokens)
                                                       : fmt::format("{:.6g}", tokens);
}

std::string format_range(const std::string& low, const std::string& high) {
  return low == high ? low : low + "-" + high;
}

std::string tokens_per_chip(const DesignPoint& job) {
  if (job.scenario().job.compute_time) return "-";
  return format_tokens(job.work().tokens / static_cast<double>(job.layout().chips()));
}

std::string tokens_per_batch(const DesignPoint& job) {
  return job.scenario().job.compute_time ? "-" : format_tokens(job.work().tokens);
}

std::string replicas(const DesignPoint& job) {
  return fmt::format("{}", job.layout().replicas);
}

std::string microbatches(const DesignPoint& job) {
  const auto [least, most] =
      std::minmax_element(job.work().microbatches.begin(), job.work().microbatches.end());
  return format_range(fmt::format("{:.0f}", *least), fmt::format("{:.0f}", *most));
}

std::string bubble(const DesignPoint& job) {
  double least = HUGE_VAL, most = 0;
  for (std::int64_t replica = 0; replica < job.layout().replicas; ++replica) {
    least = std::min(least, job.bubble(replica));
    most = std::max(most, job.bubble(replica));
  }
  return format_range(fmt::format("{:.3g}", 100 * least), fmt::format("{:.3g}", 100 * most));
}

std::string groups(const DesignPoint& job) {
  return fmt::format("{}", job.layout().groups());
}

std::string chips_idle(const DesignPoint& job) {
  return fmt::format("{}", job.layout().idle_chips);
}

std::string exposed(const DesignPoint& job) {
  return format_value(job.quiet_step().exposed_phases());
}

std::string quiet_step(const DesignPoint& job) {
  return format_value(job.quiet_step().time());
}

std::string choice(const DesignPoint& job) {
  return job.choice() + (job.extrapolated() ? " (larger than any published)" : "");
}

/// A part of what the fullest chip holds.
template <double MemoryUse::*part>
std::string memory_part(const DesignPoint& job) {
  return format_bytes(memory_of(job).*part);
}

std::string memory(const DesignPoint& job) {
  return fmt::format("{} of {}", format_bytes(memory_of(job).total()),
                     format_bytes(least_memory(job)));
}

/// Isolated jobs stand side by side: "1171/390/156".
template <std::string (*text)(const DesignPoint&)>
std::string of_each(const Jobs& jobs) {
  std::vector<std::string> texts;
  for (const auto& job : jobs.all()) texts.push_back(text(*job));
  if (std::equal(texts.begin() + 1, texts.end(), texts.begin())) texts.resize(1);
  const bool has_words = texts.front().find(' ') != std::string::npos;
  return fmt::format("{}", fmt::join(texts, has_words ? " / " : "/"));
}

struct Fact {
  std::string_view head;     ///< of a column
  std::string_view meaning;  ///< of a line
  std::string (*text)(const Jobs& jobs);
};

constexpr Fact facts[] = {
    {"tokens/chip", "tokens a chip and step", of_each<tokens_per_chip>},
    {"tokens/batch", "tokens of the batch", of_each<tokens_per_batch>},
    {"replicas", "replicas (ranks of each data-parallel group)", of_each<replicas>},
    {"microbatches", "microbatches of a replica", of_each<microbatches>},
    {"bubble %", "pipeline bubble, % of compute", of_each<bubble>},
    {"groups", "data-parallel groups", of_each<groups>},
    {"weights", "weights of the fullest chip", of_each<memory_part<&MemoryUse::weights>>},
    {"gradients", "its gradients", of_each<memory_part<&MemoryUse::gradients>>},
    {"optimizer", "its optimizer state", of_each<memory_part<&MemoryUse::optimizer>>},
    {"activations", "its activations", of_each<memory_part<&MemoryUse::activations>>},
    {"memory", "its memory in all", of_each<memory>},
    {"chips idle", "chips idle", of_each<chips_idle>},
    {"exposed s", "communication that nothing hides, s without noise", of_each<exposed>},
    {"step s", "a step without noise, s", of_each<quiet_step>},
    {"choice", "topology's choice", of_each<choice>},
};

}  // namespace

void DerivedTable::look_at(const Jobs& jobs) {
  names_.clear();
  std::vector<std::string>& row = cells_.emplace_back();
  for (const Fact& fact : facts) {
    names_.push_back({fact.head, fact.meaning});
    row.push_back(fact.text(jobs));
  }
  for (const auto& [capability, prepared] : jobs.capabilities())
    for (const CapabilityFact& fact : capability->facts) {
      names_.push_back({fact.head, fact.meaning});
      row.push_back(prepared ? fact.text(*prepared) : "");
    }
}

std::string DerivedTable::text(const std::vector<Axis>& axes, bool of_training) const {
  std::vector<std::vector<std::string>> lines{
      {"derived", cells_.size() == 1 ? "value" : "value at every design point"}};
  std::vector<std::vector<std::string>> rows(cells_.size() + 1);
  for (const Axis& axis : axes) rows[0].push_back(axis.key);
  for (std::size_t p = 0; p < cells_.size(); ++p)
    rows[p + 1] = labels_of(axes, static_cast<std::int64_t>(p));
  for (std::size_t f = of_training ? 0 : std::size(facts); f < names_.size(); ++f) {
    const auto differs = [&](const auto& row) { return row[f] != cells_.front()[f]; };
    if (std::none_of(cells_.begin(), cells_.end(), differs)) {
      if (cells_.front()[f].empty()) continue;
      lines.push_back({std::string(names_[f].meaning), cells_.front()[f]});
      continue;
    }
    rows[0].emplace_back(names_[f].head);
    for (std::size_t p = 0; p < cells_.size(); ++p) rows[p + 1].push_back(cells_[p][f]);
  }
  std::string text = lines.size() > 1 ? format_table(lines) + "\n" : "";
  if (rows[0].size() > axes.size()) text += format_table(rows) + "\n";
  return text;
}

}  // namespace lockstep
