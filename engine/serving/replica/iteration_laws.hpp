#pragma once

#include <cstdint>
#include <vector>

#include "engine/machine/chip.hpp"
#include "engine/serving/replica/iteration_law.hpp"
#include "engine/serving/serving.hpp"

namespace lockstep {

/// Of a parameter, in the format that the generation serves in [B].
double weight_bytes(const ServedModel& model, const Chip& chip);

/// Throws InputError where the text of serving.iteration is none, or a generation of it is unknown.
void check_iterations(const Serving& serving, const Values& values);

/// The law of a replica of so many chips: the study's own, the calibrated one of its generation, or
/// the roofline. Throws InputError where there is none.
///
/// Calibrated: t0 + c B of B sequences on a chip, from the published rate and latency of one or two
/// operating points. c holds what a sequence's share of prompts takes; matrix products take as long
/// for a token of a prompt as for one that is made, so that other requests take
///   compute = (c - per_context K) / ((input + output - 1) / output)
/// a token, of the calibration's requests (replica_sorts.hpp). n chips of a replica share c.
///
/// Roofline: weights streamed at 0.87, 0.85, 0.78, 0.71 of HBM bandwidth with 1, 2, 4, 8 chips,
/// FLOPs at 0.72 of the peak of their format, 3 us and 186, 129, 99, 86 ns a token for a layer's
/// other operations (vidur's profiles of an H100), 126 us a step (BLIS), and two all-reduces a
/// layer, each of which takes as long on the study's topology as `all_reduces` says (1, 2, 4, ...
/// tokens, empty for one chip) [s], but 33 us at least where chips speak by NCCL (30-37, measured
/// on 8 H100; topologies know links and not what a call costs its host).
IterationLaw iteration_law(const Serving& serving, const Chip& chip, std::int64_t chips,
                           std::vector<double> all_reduces = {});

/// Whether that is the roofline.
bool is_roofline(const Serving& serving, const Chip& chip);

}  // namespace lockstep
