#include "engine/machine/fabric.hpp"

#include "engine/base/error.hpp"
#include "engine/base/field.hpp"

namespace lockstep {
namespace {

const std::vector<Field<Fabric>>& fabric_fields() {
  static const std::vector<Field<Fabric>> fields{
      {&Fabric::hop_latency,
       {.key = "fabric.hop_latency",
        .number = 60,
        .dimension = Dimension::time,
        .summary = "with hop_bandwidth: latency of every hop, in place of all other fabric keys",
        .source = "no default"}},
      {&Fabric::hop_bandwidth,
       {.key = "fabric.hop_bandwidth",
        .number = 61,
        .dimension = Dimension::bandwidth,
        .minimum_is_legal = false,
        .summary = "with hop_latency: bandwidth of every hop, per rank and direction (a torus: of "
                   "each link)",
        .source = "no default"}},
      {&Fabric::protocol,
       {.key = "fabric.protocol",
        .number = 62,
        .type = ValueType::choice,
        .default_text = "auto",
        .words = {"auto", "LL", "LL128", "Simple"},
        .shapes_arrays = true,
        .summary = "NCCL protocol; auto takes the fastest at the size, and the choice is recorded",
        .source = "NCCL 2.30, src/graph/tuning.cc"}},
      {&Fabric::cpu,
       {.key = "fabric.cpu",
        .number = 77,
        .type = ValueType::choice,
        .default_text = "intel",
        .words = {"intel", "amd", "other"},
        .shapes_arrays = true,
        .summary = "whose processors post NCCL's messages: an AMD takes twice as long, and LL gets "
                   "less through; other: Grace",
        .source = "DGX H100 and DGX B200 datasheets (Intel Xeon); the difference: NCCL 2.30, "
                  "src/graph/tuning.cc"}},
      {&Fabric::scale_up_efficiency,
       {.key = "fabric.scale_up_efficiency",
        .number = 78,
        .maximum = 1,
        .minimum_is_legal = false,
        .summary = "share of nominal scale-up bandwidth that large messages get; default the "
                   "generation's",
        .source = "A100 0.80, H100 and H200 0.824, B200 and GB200 0.802: a link as NCCL counts it "
                  "(NCCL 2.30, src/graph/topo.h); TPUs 0.9: 45 of 50 GB/s (scaling-book)"}},
      {&Fabric::network_efficiency,
       {.key = "fabric.network_efficiency",
        .number = 79,
        .maximum = 1,
        .minimum_is_legal = false,
        .summary = "share of nominal injection bandwidth that large messages get; default the "
                   "generation's",
        .source = "400 Gbit/s NICs 0.94: 46-48 of 50 GB/s (nccl-tests#290); A100 0.96: 24 of 25 "
                  "(NCCL 2.30, src/graph/search.cc); TPUs 0.9 as their links"}},
      {&Fabric::leaf_chips,
       {.key = "fabric.leaf_chips",
        .number = 63,
        .type = ValueType::count,
        .default_text = "16",
        .minimum = 1,
        .shapes_arrays = true,
        .summary = "chips under one leaf switch (a rack)",
        .source = "Llama 3 fabric (arXiv 2407.21783, section 3.3.1)"}},
      {&Fabric::leaf,
       {.key = "fabric.leaf",
        .number = 73,
        .type = ValueType::choice,
        .default_text = "rack",
        .words = {"rack", "rail"},
        .shapes_arrays = true,
        .summary = "which chips share a leaf switch: neighbours (rack), or those of the same place "
                   "in leaf_chips scale-up domains (rail)",
        .source = "rack: Llama 3's RoCE fabric (arXiv 2407.21783); rail: NVIDIA DGX SuperPOD H100 "
                  "(RA-11333-001: 32 systems, 8 leaves)"}},
      {&Fabric::pod_chips,
       {.key = "fabric.pod_chips",
        .number = 64,
        .type = ValueType::count,
        .default_text = "3072",
        .minimum = 1,
        .shapes_arrays = true,
        .summary = "chips of one pod, joined by its spines",
        .source = "Llama 3 fabric (arXiv 2407.21783, section 3.3.1)"}},
      {&Fabric::spine_latency,
       {.key = "fabric.spine_latency",
        .number = 65,
        .dimension = Dimension::time,
        .default_text = "1.45us",
        .summary = "added to a hop that crosses leaves within a pod",
        .source =
            "6.54 - 5.09 us, one-way RDMA write across and inside a leaf (GB200, CX-8, 2026)"}},
      {&Fabric::core_latency,
       {.key = "fabric.core_latency",
        .number = 66,
        .dimension = Dimension::time,
        .default_text = "3.1us",
        .summary = "added to a hop that crosses pods",
        .source = "15/7 of spine_latency, the relative latencies of NCCLX (arXiv 2510.20171), "
                  "derived; range 3-10 us"}},
      {&Fabric::spine_oversubscription,
       {.key = "fabric.spine_oversubscription",
        .number = 67,
        .default_text = "1",
        .minimum = 1,
        .maximum = 1e6,
        .summary = "injection of a leaf's chips over the capacity of its uplinks",
        .source = "full bisection inside the pod: Llama 3 fabric (arXiv 2407.21783)"}},
      {&Fabric::core_oversubscription,
       {.key = "fabric.core_oversubscription",
        .number = 68,
        .default_text = "7",
        .minimum = 1,
        .maximum = 1e6,
        .summary = "injection of a pod's chips over the capacity of its uplinks",
        .source = "1:7 above the pod: Llama 3 fabric (arXiv 2407.21783)"}},
      {&Fabric::link_latency,
       {.key = "fabric.link_latency",
        .number = 69,
        .dimension = Dimension::time,
        .default_text = "1us",
        .summary = "latency of one torus link",
        .source = "assumption, range 0.3-5 us"}},
      {&Fabric::link_bandwidth,
       {.key = "fabric.link_bandwidth",
        .number = 70,
        .dimension = Dimension::bandwidth,
        .minimum_is_legal = false,
        .summary =
            "bandwidth of one torus link, each way; default what the generation's links carry, "
            "of a chip without such a sixth of its scale-up links and NIC together",
        .source = "lockstep list chips: TPU v4 45 of 50 GB/s a link; for chips without torus links "
                  "an assumption"}},
      {&Fabric::dcn_bandwidth,
       {.key = "fabric.dcn_bandwidth",
        .number = 71,
        .dimension = Dimension::bandwidth,
        .minimum_is_legal = false,
        .needs = {"topology.slices"},
        .summary = "bandwidth of one chip, each way, into the data-centre network that joins the "
                   "slices of a torus; default the generation's (lockstep list chips: injection)",
        .source = "TPU v4, v5p: 25 GB/s a host of four chips (Google Cloud TPU documentation; "
                  "scaling-book)"}},
      {&Fabric::dcn_latency,
       {.key = "fabric.dcn_latency",
        .number = 72,
        .dimension = Dimension::time,
        .default_text = "10us",
        .needs = {"topology.slices"},
        .summary = "latency of a hop between the slices of a torus",
        .source = "assumption, range 5-50 us"}},
  };
  return fields;
}

}  // namespace

std::span<const Parameter> fabric_parameters() {
  static const std::vector<Parameter> rows = rows_of(fabric_fields());
  return rows;
}

double Fabric::scale_up_rate(const Chip& chip) const {
  return chip.scale_up_bandwidth * scale_up_efficiency.value_or(chip.scale_up_efficiency);
}

double Fabric::network_rate(const Chip& chip) const {
  return chip.injection_bandwidth * network_efficiency.value_or(chip.network_efficiency);
}

double Fabric::link_rate(const Chip& chip) const {
  constexpr double links = 6;
  if (link_bandwidth) return *link_bandwidth;
  return chip.link_bandwidth > 0
             ? chip.link_bandwidth * scale_up_efficiency.value_or(chip.scale_up_efficiency)
             : (scale_up_rate(chip) + network_rate(chip)) / links;
}

double Fabric::dcn_rate(const Chip& chip) const {
  return dcn_bandwidth.value_or(network_rate(chip));
}

Fabric fabric_from(const Values& values) {
  Fabric fabric = read_fields(fabric_fields(), values);
  if (fabric.hop_latency.has_value() != fabric.hop_bandwidth.has_value())
    throw InputError(
        "only one of fabric.hop_latency and fabric.hop_bandwidth is given (together "
        "they replace the whole fabric) give both or none");
  return fabric;
}

}  // namespace lockstep
