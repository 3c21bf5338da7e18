#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "engine/run/result.hpp"
#include "engine/storage/hdf5/hdf5.hpp"

namespace lockstep {

/// A file of the program's, open, and all it says before any trial.
struct OpenedFile {
  h5::Handle file;
  std::string kind;            ///< lockstep_file
  std::string schema_version;  ///< the file's own
  ResultSchema schema;
  std::string layout;  ///< layout_digest of the schema
};

/// Which files are meant, and what writes them.
struct FileKinds {
  std::span<const std::string_view> kinds;  ///< lockstep_file
  std::string_view written_by;              ///< "lockstep run or merge"
};

/// Opens `path` and checks its seal. Throws InputError, one line: it is missing, a folder, empty,
/// truncated, not HDF5, another HDF5 file, of another kind, of a newer or older major schema, or
/// damaged.
OpenedFile open_result(const std::filesystem::path& path, const FileKinds& wanted);

[[noreturn]] void refuse_damaged(const std::filesystem::path& path, const std::string& reason);

/// The schema that a file was written with. Throws h5::Failure.
ResultSchema read_schema(const h5::Handle& file);

/// The attributes of /runtime. Throws h5::Failure.
RuntimeInfo read_runtime(const h5::Handle& file);

}  // namespace lockstep
