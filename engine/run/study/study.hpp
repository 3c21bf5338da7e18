#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/parameter.hpp"
#include "engine/run/convergence/stopping_rule.hpp"
#include "engine/run/result.hpp"
#include "engine/training/sampling.hpp"

namespace lockstep {

/// One `key = value` of a study file or of the command line, before it is understood.
struct StudyEntry {
  std::string key;     ///< with its section: "job.tensor", "sweep.topology.kind", "title"
  std::string value;   ///< as written, trimmed
  std::string origin;  ///< where it stands, for messages: "colossus1.ini:12" or "--set"
};

/// A study file read but not understood; made by the program, the one home of the INI parser.
struct StudyText {
  std::string path;       ///< as the user gave it
  std::string directory;  ///< where relative CSV paths start
  std::string text;       ///< verbatim
  std::vector<StudyEntry> entries;
};

/// One parameter of the base scenario, for `describe` and the file.
struct ResolvedParameter {
  const Parameter* row;
  std::string key;     ///< the row's key, with NAME in place of * for [chip.NAME]
  std::string text;    ///< as written (a swept key: all its values), or the default
  std::string origin;  ///< "default", "colossus1.ini:12", "--set"; "axis" where a sweep sets it
  std::string place;   ///< where the user wrote it, an axis too; "" for a default
  /// The base value that an axis replaces, as written, and where it stands; "" where there is none.
  std::string replaced_text = {}, replaced_place = {};
};

/// A study: base scenario, axes, sampling, all checked as far as rows can check.
struct Study : SamplingSettings {
  std::string path;  ///< of the file, as the user gave it
  std::string title;
  std::string text;                    ///< the file, verbatim
  std::vector<std::string> overrides;  ///< in order: "--set job.tensor=8", "--trials 100"
  std::vector<ResolvedParameter> parameters;
  std::vector<Axis> axes;                ///< as result dimensions
  std::vector<Values> points;            ///< one per design point, row-major over the axes
  std::vector<std::string> point_names;  ///< "topology.kind=ring, job.work_share=equal"; "" alone
  std::string study_id;
  std::optional<StoppingRule> until;  ///< then `trials` is the least, `max_trials` the most

  /// What is wrong with the value of `key`: "PLACE: key = value: what", PLACE where the user wrote
  /// it or else the study's path.
  InputError problem(std::string_view key, std::string_view what) const;

  /// One "key = value" line per parameter, canonical values, then one "sweep.KEY = values" line
  /// per axis: what study_id hashes (with the content of every CSV, through the canonical texts)
  /// but for the line of sampling.seed. An absent value leaves nothing after the equals sign.
  std::string resolved_text() const;
};

/// The most design points of one study: each keeps its values in memory (some 20 kB).
inline constexpr std::int64_t most_design_points = 16384;

/// Resolves the entries of a study file, then the overrides (each a key and a value, later wins,
/// over the file): --set on a swept key replaces the axis by that value; --set sweep.KEY=A,B makes
/// or replaces an axis, a replaced one in its place. Axes that change several keys together are
/// replaced as a whole or not at all. A value that an override replaces is not read.
///
/// Rows are all known parameters, in the order of help; a row "chip.*.peak" stands for that key of
/// every NAME the study mentions. `rows` must outlive the study and hold sampling.trials, .steps,
/// .warmup_steps, .block, .max_trials (counts), .until and .seed (any whole number of 64 bits),
/// each with a default.
///
/// In a text value that names a CSV file (fleet.inventory) the path is resolved against
/// `file.directory`, and the SHA-256 of the content stands in the canonical text.
///
/// Throws InputError with every problem found, one line each in the order of the entries, as
/// `first_problems` does: "FILE:LINE: key = value: what (why) what instead, nearest known name".
/// study_id = SHA-256 over resolved values after overrides, without title, seed, threads, shard;
/// the order of lines and the spelling of values do not matter, the order of the axes does.
Study resolve_study(const StudyText& file, std::span<const StudyEntry> overrides,
                    std::span<const Parameter> rows);

/// Splits at commas outside parentheses and double quotes; trims; drops the quotes around a part.
/// Throws InputError on an unclosed parenthesis or quote, and on an empty part.
std::vector<std::string> split_values(std::string_view text);

/// The error that reports the first five of `problems` (not empty) and how many more there are.
InputError first_problems(std::vector<std::string> problems);

}  // namespace lockstep
