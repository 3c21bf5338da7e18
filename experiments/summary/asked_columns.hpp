#pragma once

#include <string_view>
#include <vector>

#include "engine/statistics/estimate.hpp"
#include "engine/storage/result_reader.hpp"
#include "engine/training/capability/capability.hpp"

namespace lockstep {

/// A column of what a file's study asks beyond training, and what asks for it.
struct AskedColumn {
  std::string_view capability;
  SummaryColumn column;
  std::vector<Estimate> means;  ///< (design points) times the column's factor
};

/// Those of which some design point has a value, in the order of the capabilities. Reads every
/// trial of their variables.
std::vector<AskedColumn> asked_columns(const ResultFile& file);

/// Whether the study asks for training: unless it asks for another use of the chips and says
/// nothing of a job.
bool asks_for_training(const ResultSchema& schema);

/// nullptr where the file does not have it.
const Variable* find_variable(const ResultSchema& schema, std::string_view name);

}  // namespace lockstep
