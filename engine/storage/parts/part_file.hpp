#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/storage/identity.hpp"

namespace lockstep {

/// A part is a small HDF5 file made and read in memory, so that no HDF5 call ever meets a full
/// disk, followed by one line with the SHA-256 of all before it (HDF5 ignores what follows a file):
/// any truncation and any flipped bit is found before HDF5 sees the bytes. Layout: FORMAT.md.

/// The bytes of a part that holds `blocks`.
std::string encode_part(const ResultSchema& schema, const Identity& identity,
                        std::span<const BlockResult> blocks);

/// A part read back.
struct Part {
  Identity identity;
  std::vector<BlockResult> blocks;
};

/// Reads a part. One of another run comes back with its identity and no blocks: compare
/// `identity` first. Throws InputError naming `name` and the reason when the bytes are not whole.
Part decode_part(const ResultSchema& schema, const Identity& ours, std::string_view bytes,
                 const std::string& name);

}  // namespace lockstep
