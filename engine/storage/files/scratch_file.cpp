#include "engine/storage/files/scratch_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/base/error.hpp"
#include "engine/storage/identity.hpp"

namespace lockstep {
namespace {

FileDescriptor make_unnamed_file(const std::filesystem::path& folder) {
  std::string name = (folder / ".lockstep-merge-XXXXXX").string();
  FileDescriptor file(::mkstemp(name.data()));
  if (file.number() < 0)
    throw InputError(fmt::format("cannot write in {} ({}) choose another -o", folder.string(),
                                 std::strerror(errno)));
  ::unlink(name.c_str());
  return file;
}

/// Moves all bytes with `call` (pread or pwrite), however few the system takes at a time.
template <class Call, class Byte>
void transfer(Call call, int file, Byte* bytes, std::size_t size, std::int64_t offset) {
  while (size > 0) {
    const ssize_t moved = call(file, bytes, size, offset);
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0)
      throw IoError(fmt::format("cannot keep the shards beside the output ({})",
                                moved < 0 ? std::strerror(errno) : "the file ends early"));
    bytes += moved;
    size -= static_cast<std::size_t>(moved);
    offset += moved;
  }
}

}  // namespace

ScratchFile::ScratchFile(const std::filesystem::path& folder, const ResultSchema& schema)
    : schema_(schema), file_(make_unnamed_file(folder)) {
  std::int64_t end = 0;
  for (const Variable& variable : schema_.variables) {
    begin_.push_back(end);
    per_trial_.push_back(schema_.values_per_trial(variable) * std::int64_t{sizeof(double)});
    end += schema_.points() * schema_.trials * per_trial_.back();
  }
  block_.values.resize(schema_.variables.size());
}

std::int64_t ScratchFile::offset(const BlockResult& block, std::size_t variable) const {
  return begin_[variable] +
         (block.point * schema_.trials + block.first_trial) * per_trial_[variable];
}

void ScratchFile::write(const BlockResult& block) {
  for (std::size_t v = 0; v < block.values.size(); ++v)
    transfer(::pwrite, file_.number(), reinterpret_cast<const char*>(block.values[v].data()),
             block.values[v].size() * sizeof(double), offset(block, v));
}

const BlockResult& ScratchFile::read(std::int64_t number) {
  std::vector<std::vector<double>> values = std::move(block_.values);
  block_ = place_of(schema_, number);
  block_.values = std::move(values);
  for (std::size_t v = 0; v < block_.values.size(); ++v) {
    const std::int64_t bytes = block_.trials * per_trial_[v];
    block_.values[v].resize(static_cast<std::size_t>(bytes) / sizeof(double));
    transfer(::pread, file_.number(), reinterpret_cast<char*>(block_.values[v].data()),
             static_cast<std::size_t>(bytes), offset(block_, v));
  }
  return block_;
}

}  // namespace lockstep
