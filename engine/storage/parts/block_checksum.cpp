#include "engine/storage/parts/block_checksum.hpp"

#include <bit>
#include <charconv>
#include <string>
#include <vector>

#include "engine/base/sha256.hpp"

namespace lockstep {

std::int64_t block_checksum(const BlockResult& block) {
  std::string bytes;
  for (const std::vector<double>& values : block.values)
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  const std::string digest = sha256_hex(bytes);
  std::uint64_t first = 0;
  std::from_chars(digest.data(), digest.data() + 16, first, 16);
  return std::bit_cast<std::int64_t>(first);
}

}  // namespace lockstep
