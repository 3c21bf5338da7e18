#include "engine/storage/parts/part_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"
#include "engine/base/sha256.hpp"
#include "engine/storage/hdf5/hdf5.hpp"

namespace lockstep {
namespace {

constexpr std::string_view seal_label = "lockstep part sha256 ";
constexpr std::size_t seal_size = seal_label.size() + 64 + 1;

std::string seal_of(std::string_view bytes) {
  return fmt::format("{}{}\n", seal_label, sha256_hex(bytes));
}

[[noreturn]] void refuse(const std::string& name, const std::string& reason) {
  throw InputError(fmt::format(
      "{} cannot be read ({}) remove this part to compute its blocks again", name, reason));
}

/// Appends rows to a flat dataset one block at a time, so that no second copy of the batch exists.
void write_variable(const h5::Handle& file, const std::string& name, std::size_t variable,
                    std::span<const BlockResult> blocks) {
  hsize_t total = 0;
  for (const BlockResult& block : blocks) total += block.values[variable].size();
  if (total == 0) return;
  const h5::Handle dataset = h5::create_dataset(file, name, h5::Type::float64, {total});
  hsize_t at = 0;
  for (const BlockResult& block : blocks) {
    const hsize_t size = block.values[variable].size();
    if (size > 0) h5::write_box(dataset, {at}, {size}, block.values[variable]);
    at += size;
  }
}

Identity read_identity(const h5::Handle& file, const Identity& ours) {
  Identity identity = ours;
  identity.schema_version = h5::read_text(file, "lockstep_schema_version");
  // What another schema calls the rest is not known here, and this difference says enough.
  if (identity.schema_version != ours.schema_version) return identity;
  identity.program_version = h5::read_text(file, "program_version");
  identity.git_commit = h5::read_text(file, "git_commit");
  identity.study_id = h5::read_text(file, "study_id");
  identity.seed = h5::read_text(file, "seed_text");
  identity.shard = h5::read_text(file, "shard");
  identity.parameters = h5::read_text(file, "resolved_parameters");
  identity.overrides = h5::read_text(file, "overrides");
  return identity;
}

}  // namespace

std::string encode_part(const ResultSchema& schema, const Identity& identity,
                        std::span<const BlockResult> blocks) {
  h5::be_quiet();
  try {
    h5::Handle file = h5::create_image();
    h5::write_attribute(file, "lockstep_file", "part");
    h5::write_attribute(file, "lockstep_schema_version", identity.schema_version);
    h5::write_attribute(file, "program_version", identity.program_version);
    h5::write_attribute(file, "git_commit", identity.git_commit);
    h5::write_attribute(file, "study_id", identity.study_id);
    h5::write_attribute(file, "seed_text", identity.seed);
    h5::write_attribute(file, "shard", identity.shard);
    h5::write_attribute(file, "resolved_parameters", identity.parameters);
    h5::write_attribute(file, "overrides", identity.overrides);
    std::vector<std::int64_t> numbers;
    for (const BlockResult& block : blocks) numbers.push_back(block.block);
    h5::write(h5::create_dataset(file, "block", h5::Type::int64, {numbers.size()}), numbers);
    for (std::size_t v = 0; v < schema.variables.size(); ++v)
      write_variable(file, schema.variables[v].name, v, blocks);
    std::string bytes = h5::image(file);
    bytes += seal_of(bytes);
    return bytes;
  } catch (const h5::Failure& failure) {
    throw IoError(failure.what());
  }
}

Part decode_part(const ResultSchema& schema, const Identity& ours, std::string_view bytes,
                 const std::string& name) {
  h5::be_quiet();
  if (bytes.size() <= seal_size) refuse(name, "it is truncated");
  const std::string_view content = bytes.substr(0, bytes.size() - seal_size);
  const std::string_view seal = bytes.substr(content.size());
  if (!seal.starts_with(seal_label)) refuse(name, "it is truncated");
  if (seal != seal_of(content)) refuse(name, "its checksum does not match");
  try {
    const h5::Handle file = h5::open_image(content);
    Part part;
    part.identity = read_identity(file, ours);
    if (!difference(part.identity, ours).empty()) return part;
    for (std::int64_t block : h5::read_integers(h5::open_dataset(file, "block"))) {
      if (block < 0 || block >= schema.blocks()) refuse(name, "it holds blocks of another plan");
      part.blocks.push_back(place_of(schema, block));
    }
    for (const Variable& variable : schema.variables) {
      const auto per_trial = static_cast<hsize_t>(schema.values_per_trial(variable));
      hsize_t expected = 0, at = 0;
      for (const BlockResult& block : part.blocks)
        expected += static_cast<hsize_t>(block.trials) * per_trial;
      h5::Handle dataset;
      if (expected > 0) {
        dataset = h5::open_dataset(file, variable.name);
        if (h5::extents_of(dataset) != h5::Extents{expected})
          refuse(name, fmt::format("its {} has another size", variable.name));
      }
      for (BlockResult& block : part.blocks) {
        std::vector<double> values(static_cast<hsize_t>(block.trials) * per_trial);
        if (!values.empty()) h5::read_box(dataset, {at}, {values.size()}, values);
        at += values.size();
        block.values.push_back(std::move(values));
      }
    }
    return part;
  } catch (const h5::Failure& failure) {
    refuse(name, failure.reason());
  }
}

}  // namespace lockstep
