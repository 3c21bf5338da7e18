#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "engine/base/error.hpp"
#include "engine/base/text/text.hpp"
#include "engine/storage/merge.hpp"
#include "experiments/command.hpp"
#include "experiments/standard_streams.hpp"
#include "experiments/table.hpp"
#include "experiments/unfinished_run.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

int run(const std::vector<std::string>& arguments) {
  po::options_description options("Merging", help_width);
  options.add_options()("output,o", po::value<std::string>()->value_name("FILE"),
                        "file to write (required)")(
      "allow-missing", po::bool_switch(),
      "write what is there: missing trials are NaN, and the file says which");
  const auto map = parse_arguments(merge_command, arguments, options, "file", -1);
  if (map.empty()) return done;
  if (!map.count("output"))
    throw InputError("no output given (merge writes a new file) add -o FILE.h5");
  std::vector<std::filesystem::path> shards;
  std::set<std::filesystem::path> given;
  for (const std::string& name : map["file"].as<std::vector<std::string>>()) {
    std::error_code ignored;
    if (!given.insert(std::filesystem::weakly_canonical(name, ignored)).second)
      throw InputError(
          fmt::format("{} is given twice (each shard counts once) leave one out", name));
    refuse_unfinished(name);
    shards.emplace_back(name);
  }
  const std::string output = map["output"].as<std::string>();
  const MergeReport report = merge_shards(shards, output, map["allow-missing"].as<bool>());
  announce(fmt::format("{}: {} of {} from {}.\n", output, report.blocks - report.blocks_missing,
                       counted(report.blocks, "block"), counted(report.shards, "shard")));
  if (report.blocks_missing > 0)
    announce(
        fmt::format("{} block{} missing: NaN in the file, which lists them in "
                    "missing_block.\n",
                    report.blocks_missing, report.blocks_missing == 1 ? " is" : "s are"));
  return done;
}

}  // namespace

const Command merge_command{"merge", "SHARD.h5 ... -o FILE.h5 [--allow-missing]",
                            "Makes of all shards of a run the file that one process would have "
                            "written, bit for bit.",
                            run};

}  // namespace lockstep
