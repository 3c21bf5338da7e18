#pragma once

#include <string>

#include "engine/machine/fleet.hpp"

namespace lockstep {

/// Reads a measured fleet into generations (in the order of their first nodes) and nodes: a CSV
/// file with a header that names at least node, generation, chips and relative_speed, in any order
/// (other columns are left alone), one line a node in physical order. A line of more chips than a
/// node of its generation has stands for several.
///
/// `content_hash` is the SHA-256 that the study_id stands for, or "" where it is not known.
/// Throws InputError "fleet.inventory: FILE:LINE: problem (why) suggestion".
void read_inventory(const std::string& path, std::string_view content_hash, const Values& values,
                    Fleet& fleet);

}  // namespace lockstep
