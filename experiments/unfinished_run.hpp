#pragma once

#include <filesystem>

namespace lockstep {

/// Throws InputError when `path` is a result that a run has begun and not finished (only PATH.part
/// is there), or is such a folder itself. The message says how to go on.
void refuse_unfinished(const std::filesystem::path& path);

}  // namespace lockstep
