#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/run/capabilities.hpp"
#include "engine/run/result.hpp"
#include "engine/statistics/support.hpp"

namespace lockstep {

/// Every variable that a trial can yield: those of training, then those of each capability.
std::vector<Metric> metrics(std::span<const Capability* const> of = capabilities());

/// Whether a trial may yield the value: a finite one, or NaN where some trials have none.
bool may_yield(const Metric& metric, double value);

/// Whether a variable is a course to be drawn, which summaries leave out unless they are asked.
bool is_course(std::string_view variable);

/// Index of the variable that counts, trial by trial, the events that move the one called
/// `variable`; none where nothing counts them.
std::optional<std::size_t> events_counted_by(std::string_view variable,
                                             std::span<const Variable> variables);

/// Support of a variable at a design point of a file, of the element `label` where it has a
/// dimension of its own; that of any number where no metric has this name.
Support support_of(const ResultSchema& schema, std::int64_t point, std::string_view variable,
                   std::string_view label = {});

}  // namespace lockstep
