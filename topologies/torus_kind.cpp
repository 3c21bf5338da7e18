#include "topologies/torus_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/base/error.hpp"
#include "topologies/algorithms/torus/torus_collective.hpp"
#include "topologies/algorithms/torus/torus_search.hpp"
#include "topologies/algorithms/torus/torus_send.hpp"
#include "topologies/algorithms/torus/twisted/twisted_exchange.hpp"
#include "topologies/wiring/torus_candidates.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t blue_gene_l = 65536;  // 64 x 32 x 32, the largest published static torus
constexpr std::int64_t tpu_7x_pod = 9216;    // the largest optical one (Google Cloud documentation)

TorusQuestion question_of(const Values& values, std::int64_t model_parallel, bool optical) {
  TorusQuestion question;
  question.wiring.unit = optical ? torus_cube_side : 1;
  question.wiring.optical = optical;
  question.wiring.repatched = optical && values.text("topology.repatch") == "on";
  question.wiring.twisted = optical && values.text("topology.twist") == "on";
  if (!optical && values.has("topology.machine"))
    question.wiring.machine = read_sides("topology.machine", values.text("topology.machine"));
  if (const std::string& given = values.text("topology.shape"); given != "auto")
    question.chips = read_sides("topology.shape", given);
  else if (question.wiring.machine)
    question.chips = question.wiring.machine;
  if (const std::string& given = values.text("topology.mapping"); given != "auto")
    question.mapping.emplace(given);
  question.slices = values.optional_count("topology.slices");
  // A collective alone has no job.
  question.pipeline = values.has("job.pipeline") ? values.count("job.pipeline") : 1;
  if (model_parallel % question.pipeline != 0) question.pipeline = 1;
  question.tensor = model_parallel / question.pipeline;
  return question;
}

/// What the generations of a fleet say: the tori that jobs of all of them get.
void ask_chips(const Fleet& fleet, TorusQuestion& question) {
  TorusWiring& wiring = question.wiring;
  bool all_flat = true, all_cubes = true;
  for (const FleetGeneration& generation : fleet.generations) {
    const auto largest = static_cast<std::int64_t>(generation.chip.largest_torus);
    const auto side = static_cast<std::int64_t>(generation.chip.flat_torus_side);
    if (largest > 0 && (wiring.largest == 0 || largest < wiring.largest)) wiring.largest = largest;
    all_flat = all_flat && side > 0;
    all_cubes = all_cubes && largest > 0 && side == 0;
  }
  if (wiring.optical && all_flat)
    throw InputError(fmt::format(
        "topology.kind = ocs_torus ({} have no optical switches: their tori are fixed) take torus",
        fleet.generations.front().chip.name));
  if (wiring.optical && all_cubes) {
    wiring.legal = shapes_below_a_cube();
  } else if (!wiring.optical && all_flat && !wiring.machine) {
    const auto side = static_cast<std::int64_t>(fleet.generations.front().chip.flat_torus_side);
    wiring.machine = {side, side, 1};
    wiring.legal = flat_shapes();
  }
}

constexpr AskedOperation large_all_reduce[] = {{Operation::all_reduce, 1}};

/// Without settled values: the best for large buffers on chips all alike.
TorusShape shape_of(const Values& values, std::int64_t chips, std::int64_t model_parallel,
                    bool optical, bool whole) {
  const auto candidates =
      torus_candidates(question_of(values, model_parallel, optical), chips, whole);
  if (candidates.size() == 1) return candidates.front();
  return choose_torus(candidates, TorusFabric::equal(), large_all_reduce, 0).shape;
}

Value word(std::string text) {
  return {text, text};
}

std::string sides_text(const Sides& sides) {
  return fmt::format("{}", fmt::join(sides, "x"));
}

const Parameter& shape_row() {
  static const Parameter row{
      .key = "topology.shape",
      .number = 82,
      .type = ValueType::text,
      .default_text = "auto",
      .shapes_arrays = true,
      .summary =
          "sides of the torus in chips, e.g. 16x16x16; auto: optical, of all tori of 4x4x4 cubes "
          "that use nearly all chips the one of most throughput; static, the most cubic "
          "one, no side above twice another, that leaves the fewest chips idle",
      .source = "cubes of 4x4x4: TPU v4 (arXiv 2304.01433)"};
  return row;
}

const Parameter& mapping_row() {
  static const Parameter row{
      .key = "topology.mapping",
      .number = 86,
      .type = ValueType::text,
      .default_text = "auto",
      .shapes_arrays = true,
      .summary =
          "what each side of the torus carries: data, model, tensor or pipeline ranks, or several "
          "that share it, with the ranks of all but one: model:4 data, data, data; auto: the one "
          "of most throughput",
      .source =
          "assignment of parallel dimensions to torus dimensions: TPU v4 (arXiv 2304.01433), "
          "Table 3"};
  return row;
}

const Parameter& slices_row() {
  static const Parameter row{
      .key = "topology.slices",
      .number = 87,
      .type = ValueType::count,
      .default_text = "auto",
      .minimum = 1,
      .words = {"auto"},
      .shapes_arrays = true,
      .summary =
          "tori of the shape that a data-centre network joins, chip by chip; auto: one, or, where "
          "the shape is open too, as few of the generation's largest torus as hold the chips",
      .source =
          "largest tori: TPU v4 4,096 chips, v5p 6,144, v5e and v6e 256, 7x 9,216 (Google "
          "Cloud TPU documentation); of other chips one torus of any size: assumption"};
  return row;
}

const Parameter& machine_row() {
  static const Parameter row{
      .key = "topology.machine",
      .number = 88,
      .type = ValueType::text,
      .shapes_arrays = true,
      .summary =
          "sides of the torus that topology.shape is a part of, e.g. 16x16x1: a side as "
          "long as the machine's is a ring, a shorter one a line; default the shape itself, of TPU "
          "v5e and v6e 16x16x1",
      .source = "TPU v5e, v6e: rings on sides of 16 only (Google Cloud TPU documentation)"};
  return row;
}

const Parameter& repatch_row() {
  static const Parameter row{
      .key = "topology.repatch",
      .number = 89,
      .type = ValueType::choice,
      .default_text = "off",
      .words = {"off", "on"},
      .needs = {"noise.slow_link_fraction"},
      .summary =
          "whether slow cables between cubes of 4x4x4 are replaced by spare ports of the optical "
          "switches before the job starts; links inside cubes are electrical and stay slow",
      .source =
          "8 spare ports of 136 on each switch: TPU v4 (arXiv 2304.01433); off, since no other "
          "topology looks for slow links here; on assumes that the spares suffice"};
  return row;
}

const Parameter& twist_row() {
  static const Parameter row{
      .key = "topology.twist",
      .number = 90,
      .type = ValueType::choice,
      .default_text = "off",
      .words = {"off", "on"},
      .shapes_arrays = true,
      .summary =
          "whether the switches twist a torus of n x n x 2n or n x 2n x 2n chips, n a multiple of "
          "4: a side of n closes n chips further along those of 2n; faster for an all-to-all of "
          "all chips, while other operations use no cable that closes a side of n",
      .source = "twisted tori: TPU v4 (arXiv 2304.01433), section 2.8; off: most slices there"};
  return row;
}

}  // namespace

std::span<const Parameter> torus_parameters() {
  static const std::array rows{shape_row(), mapping_row(), slices_row(), machine_row()};
  return rows;
}

std::span<const Parameter> optical_torus_parameters() {
  static const std::array rows{shape_row(), mapping_row(), slices_row(), repatch_row(),
                               twist_row()};
  return rows;
}

template <bool optical>
Settled TorusKind<optical>::settle(const SettleRequest& request) {
  const std::int64_t model_parallel = request.tensor * request.pipeline;
  TorusQuestion question = question_of(request.values, model_parallel, optical);
  const bool slices_are_open = !question.slices;
  ask_chips(request.fleet, question);
  question.all_ways = request.pipeline > 1 && request.tensor > 1;
  for (const AskedOperation& call : request.asked)
    question.all_ways = question.all_ways ||
                        (call.groups.ranks > 0 && call.groups.stride >= model_parallel) ||
                        call.groups.stride > model_parallel;
  const auto candidates = torus_candidates(question, request.replicas * model_parallel, false);
  TorusChoice choice;
  choice.shape = candidates.front();
  if (candidates.size() > 1)
    choice =
        choose_torus(candidates, {request.fabric, request.fleet}, request.asked, request.computing);
  Settled settled{request.values, {}};
  settled.values.set("topology.shape", word(sides_text(choice.shape.chips)));
  settled.values.set("topology.mapping", word(mapping_text(choice.shape, request.tensor)));
  settled.values.set("topology.slices", {static_cast<double>(choice.shape.slices),
                                         fmt::format("{}", choice.shape.slices)});
  if (!optical && question.wiring.machine)
    settled.values.set("topology.machine", word(sides_text(*question.wiring.machine)));
  if (slices_are_open && choice.shape.slices > 1)
    settled.note = fmt::format("a torus of these chips has at most {}", question.wiring.largest);
  if (choice.runner_up)
    settled.note += fmt::format("{}best of {}; next {}, {}: {:.1f} % less throughput",
                                settled.note.empty() ? "" : "; ", choice.candidates,
                                sides_text(choice.runner_up->chips),
                                mapping_text(*choice.runner_up, request.tensor),
                                100 * (1 - choice.cost / choice.runner_up_cost));
  return settled;
}

template <bool optical>
std::int64_t TorusKind<optical>::usable_replicas(const Values& values, std::int64_t replicas,
                                                 std::int64_t model_parallel) {
  return shape_of(values, replicas * model_parallel, model_parallel, optical, false).volume() /
         model_parallel;
}

template <bool optical>
std::unique_ptr<Collective> TorusKind<optical>::make(const CollectiveRequest& request) {
  const TorusShape shape =
      shape_of(request.values, request.layout.chips(), request.model_parallel, optical, true);
  const std::int64_t published = optical ? tpu_7x_pod : blue_gene_l;
  if (request.operation == Operation::send)
    return std::make_unique<TorusSend>(request, shape, published);
  if (shape.twisted && request.operation == Operation::all_to_all &&
      request.groups.ranks == shape.volume() && shape.slices == 1)
    return std::make_unique<TwistedExchange>(request, shape, published);
  return std::make_unique<TorusCollective>(request, shape, published);
}

template struct TorusKind<false>;
template struct TorusKind<true>;

Replacement replace_plane(const Values& values, std::int64_t replicas,
                          std::int64_t model_parallel) {
  const TorusShape shape =
      shape_of(values, replicas * model_parallel, model_parallel, false, false);
  if (shape.slices > 1) return {.unit_chips = shape.volume() / shape.slices};
  return {.unit_chips = shape.volume() / *std::ranges::max_element(shape.chips),
          .consecutive = true};
}

}  // namespace lockstep
