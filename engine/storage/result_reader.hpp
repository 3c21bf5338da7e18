#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/storage/identity.hpp"

namespace lockstep {

/// A results or shard file, open for reading. One thread at a time.
class ResultFile {
 public:
  /// Opens `path`. Throws InputError, one line: it is missing, a folder, empty, truncated, not
  /// HDF5, another HDF5 file, of a newer or older major schema, or damaged.
  explicit ResultFile(std::filesystem::path path);
  ResultFile(ResultFile&&) noexcept;
  ResultFile& operator=(ResultFile&&) noexcept;
  ~ResultFile();

  const std::filesystem::path& path() const;
  const ResultSchema& schema() const;
  /// The schema version is the file's own.
  const Identity& identity() const;
  /// layout_digest of the schema.
  const std::string& layout() const;
  /// Absent in a results file.
  const std::optional<Shard>& shard() const;
  /// Numbers of the blocks whose trials are in the file, ascending.
  const std::vector<std::int64_t>& held_blocks() const;
  RuntimeInfo runtime() const;

  /// All trials of one design point of schema().variables[variable]: (trials, extents...)
  /// row-major, NaN where the file has none. Memory: the result. Throws InputError on damage.
  std::vector<double> read(std::size_t variable, std::int64_t point) const;
  /// The same by name. Throws InputError when there is no such variable.
  std::vector<double> read(const std::string& variable, std::int64_t point) const;

  /// One held block of a shard, every chunk of it present, all checksums right; into `block`,
  /// whose memory is used again. Throws InputError on damage.
  void read_block(std::int64_t number, BlockResult& block) const;

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace lockstep
