#include "engine/storage/schema_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/storage/identity.hpp"

namespace lockstep {
namespace {

/// The most trials, steps or design points that a file can be of.
constexpr std::int64_t most = std::int64_t{1} << 32;

/// The inverse of joining lines by '\n'; no text, no line. Texts are read from attributes, never
/// from variable-length datasets: see the note in result_layout.cpp.
std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  if (text.empty()) return lines;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return lines;
    begin = end + 1;
  }
}

std::string text_or_empty(const h5::Handle& object, const char* name) {
  return h5::has_attribute(object, name) ? h5::read_text(object, name) : "";
}

Axis read_axis(const h5::Handle& scale, const std::string& key) {
  Axis axis;
  axis.key = key;
  axis.labels = split_lines(h5::read_text(scale, "labels"));
  if (h5::type_of(scale) != h5::Type::text) {
    axis.numbers = h5::read_doubles(scale);
    axis.units = text_or_empty(scale, "units");
  }
  return axis;
}

/// Names of a variable's dimensions beyond axes and trials.
std::vector<std::string> read_extents(const h5::Handle& dataset, const std::string& name,
                                      const ResultSchema& schema) {
  std::vector<std::string> extents = split_lines(h5::read_text(dataset, "extents"));
  for (const std::string& extent : extents)
    if (schema.size_of(extent) == 0)
      throw h5::Failure("cannot read " + name, "its dimension \"" + extent + "\" is unknown");
  return extents;
}

PointVariable read_point_variable(const h5::Handle& dataset, const std::string& name,
                                  std::vector<std::string> extents) {
  PointVariable variable;
  variable.name = name;
  variable.extents = std::move(extents);
  variable.units = text_or_empty(dataset, "units");
  variable.long_name = text_or_empty(dataset, "long_name");
  if (h5::type_of(dataset) == h5::Type::text)
    variable.texts = split_lines(h5::read_text(dataset, "labels"));
  else
    variable.numbers = h5::read_doubles(dataset);
  return variable;
}

Variable read_variable(const h5::Handle& dataset, const std::string& name,
                       std::vector<std::string> extents) {
  Variable variable;
  variable.name = name;
  variable.extents = std::move(extents);
  variable.units = text_or_empty(dataset, "units");
  variable.long_name = text_or_empty(dataset, "long_name");
  return variable;
}

void read_attributes(const h5::Handle& file, ResultSchema& schema) {
  schema.title = h5::read_text(file, "title");
  schema.study_text = h5::read_text(file, "study");
  schema.overrides = split_lines(h5::read_text(file, "overrides"));
  schema.warnings = split_lines(text_or_empty(file, "warnings"));
  schema.resolved_parameters = h5::read_text(file, "resolved_parameters");
  schema.study_id = h5::read_text(file, "study_id");
  schema.program_version = h5::read_text(file, "program_version");
  schema.git_commit = h5::read_text(file, "git_commit");
  schema.block_trials = h5::read_integer(file, "block_trials");
  schema.until = text_or_empty(file, "until");
  schema.until_met = !schema.until.empty() && h5::read_integer(file, "until_met") != 0;
  const std::string seed = h5::read_text(file, "seed_text");
  const auto [end, failure] = std::from_chars(seed.data(), seed.data() + seed.size(), schema.seed);
  if (failure != std::errc() || end != seed.data() + seed.size() || schema.block_trials < 1 ||
      schema.block_trials > most)
    throw h5::Failure("cannot read the attributes", "seed_text or block_trials is no such number");
}

/// Length of the dimension `name`.
std::int64_t length_of(const h5::Extents& extents, const std::string& name) {
  if (extents.size() != 1 || extents[0] > static_cast<hsize_t>(most))
    throw h5::Failure("cannot read " + name, "\"" + name + "\" has no length");
  return static_cast<std::int64_t>(extents[0]);
}

/// Throws Failure where counts are none, or lists are not as long as what they belong to: what
/// follows relies on it.
void check_lengths(const ResultSchema& schema) {
  const auto require = [](bool holds, const std::string& name) {
    if (!holds) throw h5::Failure("cannot read " + name, "\"" + name + "\" has another length");
  };
  double points = 1;
  for (const Axis& axis : schema.axes) {
    points *= static_cast<double>(axis.labels.size());
    require(
        !axis.labels.empty() && (axis.numbers.empty() || axis.numbers.size() == axis.labels.size()),
        axis.key);
  }
  require(points <= static_cast<double>(most), "sweep");
  require(schema.trials >= 1 && points * static_cast<double>(schema.trials) < 0x1p53, "trial");
  for (const PointVariable& variable : schema.point_variables) {
    double values = points;
    for (const std::string& extent : variable.extents)
      values *= static_cast<double>(schema.size_of(extent));
    require(static_cast<double>(variable.numbers.size() + variable.texts.size()) == values,
            variable.name);
  }
}

}  // namespace

ResultSchema read_schema(const h5::Handle& file) {
  ResultSchema schema;
  read_attributes(file, schema);
  // Dimensions precede what they shape, axes come before trials, and named dimensions after them:
  // one pass in creation order is enough.
  for (const std::string& name : h5::dataset_names(file)) {
    const h5::Handle dataset = h5::open_dataset(file, name);
    const h5::Extents extents = h5::extents_of(dataset);
    if (name == "trial") {
      schema.trials = length_of(extents, name);
    } else if (name == "step") {
      schema.steps = length_of(extents, name);
    } else if (name == "block" || name == "block_checksum" || name == "missing_block") {
      continue;
    } else if (h5::is_scale(dataset) && schema.trials > 0) {
      schema.extents.push_back({name, split_lines(h5::read_text(dataset, "labels")),
                                text_or_empty(dataset, "long_name")});
    } else if (h5::is_scale(dataset)) {
      schema.axes.push_back(read_axis(dataset, name));
    } else {
      std::vector<std::string> own = read_extents(dataset, name, schema);
      if (extents.size() == schema.axes.size() + own.size())
        schema.point_variables.push_back(read_point_variable(dataset, name, std::move(own)));
      else
        schema.variables.push_back(read_variable(dataset, name, std::move(own)));
    }
  }
  check_lengths(schema);
  return schema;
}

namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& path, const std::string& problem) {
  throw InputError(fmt::format("{} {}", path.string(), problem));
}

/// Tells missing, folder, unreadable, empty and foreign files apart before HDF5 sees them.
void check_is_hdf5(const fs::path& path, std::string_view written_by) {
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (status.type() == fs::file_type::not_found)
    refuse(path, "does not exist (no such file) check the name");
  if (status.type() == fs::file_type::directory)
    refuse(path, "is a folder (a file is needed) name a file in it");
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, "cannot be opened (permission denied) check its rights");
  constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
  std::string start(signature.size(), '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  if (start.empty()) refuse(path, "is empty (0 bytes) compute it again");
  if (start != signature)
    refuse(path, fmt::format("is not a result file (it is not HDF5) name a file that {} wrote",
                             written_by));
}

h5::Handle open_file(const fs::path& path, std::string_view written_by) {
  check_is_hdf5(path, written_by);
  try {
    return h5::open_file(path);
  } catch (const h5::Failure& failure) {
    if (failure.reason().find("truncated") != std::string::npos)
      refuse(path, "is truncated (its end is missing) copy it again, or compute it again");
    refuse_damaged(path, failure.reason());
  }
}

void check_kind_and_version(OpenedFile& opened, const fs::path& path, const FileKinds& wanted) {
  const h5::Handle& file = opened.file;
  const bool ours = h5::has_attribute(file, "lockstep_file") &&
                    h5::has_attribute(file, "lockstep_schema_version");
  if (!ours)
    refuse(path, fmt::format("is not a result file (an HDF5 file of another program) name a file "
                             "that {} wrote",
                             wanted.written_by));
  opened.kind = h5::read_text(file, "lockstep_file");
  const std::string& version = opened.schema_version =
      h5::read_text(file, "lockstep_schema_version");
  int major = 0;
  const char* const version_end = version.data() + version.size();
  const auto [end, failure] = std::from_chars(version.data(), version_end, major);
  if (failure != std::errc() || end == version_end || *end != '.')
    refuse_damaged(path, fmt::format("its schema version reads \"{}\"", version));
  if (major != schema_major)
    refuse(path, fmt::format("has schema version {} (this program reads {}.x) use {} program",
                             version, schema_major, major > schema_major ? "a newer" : "an older"));
  if (std::ranges::find(wanted.kinds, opened.kind) == wanted.kinds.end())
    refuse(path, fmt::format("is a lockstep file of kind \"{}\" ({} is needed) name the file that "
                             "{} wrote",
                             opened.kind, fmt::join(wanted.kinds, " or "), wanted.written_by));
}

}  // namespace

void refuse_damaged(const fs::path& path, const std::string& reason) {
  refuse(path, fmt::format("is damaged ({}) restore it, or compute it again", reason));
}

OpenedFile open_result(const fs::path& path, const FileKinds& wanted) {
  h5::be_quiet();
  OpenedFile opened;
  opened.file = open_file(path, wanted.written_by);
  try {
    check_kind_and_version(opened, path, wanted);
    opened.schema = read_schema(opened.file);
    opened.layout = layout_digest(opened.schema);
    if (header_digest(opened.schema, opened.layout) != h5::read_text(opened.file, "header_sha256"))
      refuse_damaged(path, "its attributes or coordinates do not match header_sha256");
  } catch (const h5::Failure& failure) {
    refuse_damaged(path, failure.reason());
  }
  return opened;
}

RuntimeInfo read_runtime(const h5::Handle& file) {
  const h5::Handle group = h5::open_group(file, "runtime");
  RuntimeInfo runtime;
  runtime.started_utc = h5::read_text(group, "started_utc");
  runtime.finished_utc = h5::read_text(group, "finished_utc");
  runtime.host = h5::read_text(group, "host");
  runtime.simd_level = h5::read_text(group, "simd_level");
  runtime.command_line = h5::read_text(group, "command_line");
  runtime.threads = static_cast<int>(h5::read_integer(group, "threads"));
  runtime.elapsed_s = h5::read_number(group, "elapsed_s");
  runtime.cpu_s = h5::read_number(group, "cpu_s");
  return runtime;
}

}  // namespace lockstep
