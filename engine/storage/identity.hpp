#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/run/result.hpp"

namespace lockstep {

/// Version of the file's layout. A reader takes any minor of its own major: a minor adds
/// attributes and variables, a major changes or removes some. Policy: FORMAT.md.
inline constexpr int schema_major = 3;
inline constexpr int schema_minor = 1;
std::string schema_version();

/// What must be equal before results of two runs may stand in one file.
struct Identity {
  std::string schema_version;
  std::string program_version;
  std::string git_commit;
  std::string study_id;
  std::string seed;
  std::string shard;  ///< "0/4"; "" for a whole run
  /// What names a difference of study_id: "key = value" and the options of the run, a line each.
  std::string parameters, overrides;
};

Identity identity_of(const ResultSchema& schema, const std::optional<Shard>& shard);

/// What differs first, as "its seed is 8, here it is 7"; "" when nothing does. Of the study: up to
/// three parameters.
std::string difference(const Identity& theirs, const Identity& ours);

/// What to do where a run meets results of another one: with the options of theirs, or elsewhere.
std::string way_on(const Identity& theirs, const Identity& ours);

/// Where a block stands in the plan, and how many trials it has; its values are left empty.
BlockResult place_of(const ResultSchema& schema, std::int64_t block);

/// Doubles that one block holds of all variables together.
std::int64_t values_per_block(const ResultSchema& schema);

/// A number as printf's %a writes it, every bit of it, as digests take it.
std::string hexadecimal(double value);

/// SHA-256 of everything that shapes the file and of every value it holds before the first trial:
/// axes, coordinates, variables with their attributes, point variables, resolved parameters. Equal
/// for all shards of a run.
std::string layout_digest(const ResultSchema& schema);

/// SHA-256 of the layout (layout_digest of the schema) and of title, study text, overrides and
/// identity. It stands in the file, so that damage to any of them is seen; fixed for a major
/// version.
std::string header_digest(const ResultSchema& schema, const std::string& layout);
std::string header_digest(const ResultSchema& schema);

}  // namespace lockstep
