#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/storage/hdf5/hdf5.hpp"

namespace lockstep::h5 {
namespace {

static_assert(std::endian::native == std::endian::little, "files hold little-endian doubles");

/// HDF5's Fletcher-32 (H5checksum.c): two running sums modulo 65535 over big-endian 16-bit words,
/// folded every 360 words, before they can overflow 32 bits. `size` is even: doubles are.
std::uint32_t fletcher32(const unsigned char* bytes, std::size_t size) {
  constexpr std::size_t fold = 360;
  std::uint32_t sum1 = 0, sum2 = 0;
  for (std::size_t words = size / 2; words > 0;) {
    std::size_t run = std::min(words, fold);
    words -= run;
    for (; run > 0; --run, bytes += 2) {
      sum1 += static_cast<std::uint32_t>(bytes[0] << 8 | bytes[1]);
      sum2 += sum1;
    }
    sum1 = (sum1 & 0xffff) + (sum1 >> 16);
    sum2 = (sum2 & 0xffff) + (sum2 >> 16);
  }
  sum1 = (sum1 & 0xffff) + (sum1 >> 16);
  sum2 = (sum2 & 0xffff) + (sum2 >> 16);
  return sum2 << 16 | sum1;
}

}  // namespace

void read_chunk(const Handle& dataset, const Extents& start, std::span<double> chunk) {
  const std::size_t size = chunk.size_bytes();
  std::uint32_t stored = 0;
  hsize_t stored_size = 0;
  check(H5Dget_chunk_storage_size(dataset.get(), start.data(), &stored_size), "find a chunk");
  if (stored_size != size + sizeof stored)
    throw Failure("cannot read a chunk",
                  stored_size == 0 ? "it is not there" : "its size is wrong");
  std::vector<unsigned char> bytes(stored_size);
  std::uint32_t filters_skipped = 0;
  check(H5Dread_chunk(dataset.get(), H5P_DEFAULT, start.data(), &filters_skipped, bytes.data()),
        "read a chunk");
  std::memcpy(&stored, bytes.data() + size, sizeof stored);
  if (filters_skipped != 0 || fletcher32(bytes.data(), size) != stored)
    throw Failure("cannot read a chunk", "its checksum does not match");
  std::memcpy(chunk.data(), bytes.data(), size);
}

}  // namespace lockstep::h5
