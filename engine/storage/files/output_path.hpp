#pragma once

#include <filesystem>
#include <string_view>

namespace lockstep {

/// Finds before anything is computed that no result can be written at `output`. Throws InputError:
/// the name is empty, ends in '/' or is too long; something that is no file is there, or a link to
/// nothing; there is no such folder, or this user may not write in it. `option`: what named it.
void check_output(const std::filesystem::path& output, std::string_view option = "-o");

/// The folder beside the result in which all is kept until the result is complete.
std::filesystem::path part_folder(const std::filesystem::path& output);

/// The result in it, before it gets its name.
std::filesystem::path unnamed_result(const std::filesystem::path& output);

}  // namespace lockstep
