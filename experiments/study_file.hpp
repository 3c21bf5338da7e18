#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/study/study.hpp"

namespace lockstep {

/// Why the bytes are no text of a study (UTF-8 without control characters other than tabs and line
/// ends), or nothing where they are one.
std::optional<std::string> not_text(std::string_view text);

/// Reads a study file: lines `key = value` in the sections of an INI file, with `title = TEXT`
/// allowed before the first section; a '#' starts a comment wherever it stands. Keys and values
/// are not understood here, so an unknown key passes and a repeated one comes out twice.
/// An entry's origin is "PATH:LINE", with the path as given.
/// Throws InputError when the path is missing, a directory or unreadable, when the file is larger
/// than 1 MiB or not text (UTF-8), and with a line for each problem that `parse_study` finds.
StudyText read_study(const std::string& path);

/// The same of a text already read; `path` serves the messages and the origins.
/// Throws InputError, as `first_problems` does, for a line that is neither comment, section nor
/// `key = value`, a section header that is not closed or holds more than a name, a key before the
/// first section other than title, a '#' inside double quotes, and a text without any key.
StudyText parse_study(const std::string& path, const std::string& text);

/// The entries of overrides as a Study and a result file keep them: "--set job.tensor=8",
/// "--trials 100".
std::vector<StudyEntry> entries_of(const std::vector<std::string>& overrides);

/// Whether a study (its text, its overrides) says anything of the job to train: a key of [job], or
/// an axis of one.
bool says_what_to_train(const std::string& text, const std::vector<std::string>& overrides);

}  // namespace lockstep
