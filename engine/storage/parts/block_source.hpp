#pragma once

#include <cstdint>

#include "engine/run/result.hpp"

namespace lockstep {

/// Finished blocks, wherever they are kept, for the writer of a result file.
class BlockSource {
 public:
  virtual ~BlockSource() = default;
  /// One block with its values; valid until the next call. Throws IoError or InputError.
  virtual const BlockResult& read(std::int64_t block) = 0;
};

}  // namespace lockstep
