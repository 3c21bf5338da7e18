#include "engine/machine/fabric.hpp"

#include "engine/base/error.hpp"

namespace lockstep {

std::span<const Parameter> fabric_parameters() {
  static const std::vector<Parameter> rows{
      {.key = "fabric.hop_latency",
       .number = 60,
       .dimension = Dimension::time,
       .summary = "with hop_bandwidth: latency of every hop, in place of all other fabric keys",
       .source = "no default"},
      {.key = "fabric.hop_bandwidth",
       .number = 61,
       .dimension = Dimension::bandwidth,
       .minimum_is_legal = false,
       .summary = "with hop_latency: bandwidth of every hop, per rank and direction (a torus: of "
                  "each link)",
       .source = "no default"},
      {.key = "fabric.protocol",
       .number = 62,
       .type = ValueType::choice,
       .default_text = "auto",
       .words = {"auto", "LL", "LL128", "Simple"},
       .shapes_arrays = true,
       .summary = "NCCL protocol; auto takes the fastest at the size, and the choice is recorded",
       .source = "NCCL 2.30, src/graph/tuning.cc"},
      {.key = "fabric.leaf_chips",
       .number = 63,
       .type = ValueType::count,
       .default_text = "16",
       .minimum = 1,
       .shapes_arrays = true,
       .summary = "chips under one leaf switch (a rack)",
       .source = "Llama 3 fabric (arXiv 2407.21783, section 3.3.1)"},
      {.key = "fabric.pod_chips",
       .number = 64,
       .type = ValueType::count,
       .default_text = "3072",
       .minimum = 1,
       .shapes_arrays = true,
       .summary = "chips of one pod, joined by its spines",
       .source = "Llama 3 fabric (arXiv 2407.21783, section 3.3.1)"},
      {.key = "fabric.spine_latency",
       .number = 65,
       .dimension = Dimension::time,
       .default_text = "1.45us",
       .summary = "added to a hop that crosses leaves within a pod",
       .source = "6.54 - 5.09 us, one-way RDMA write across and inside a leaf (GB200, CX-8, 2026)"},
      {.key = "fabric.core_latency",
       .number = 66,
       .dimension = Dimension::time,
       .default_text = "3.1us",
       .summary = "added to a hop that crosses pods",
       .source = "15/7 of spine_latency, the relative latencies of NCCLX (arXiv 2510.20171), "
                 "derived; range 3-10 us"},
      {.key = "fabric.spine_oversubscription",
       .number = 67,
       .default_text = "1",
       .minimum = 1,
       .maximum = 1e6,
       .summary = "injection of a leaf's chips over the capacity of its uplinks",
       .source = "full bisection inside the pod: Llama 3 fabric (arXiv 2407.21783)"},
      {.key = "fabric.core_oversubscription",
       .number = 68,
       .default_text = "7",
       .minimum = 1,
       .maximum = 1e6,
       .summary = "injection of a pod's chips over the capacity of its uplinks",
       .source = "1:7 above the pod: Llama 3 fabric (arXiv 2407.21783)"},
      {.key = "fabric.link_latency",
       .number = 69,
       .dimension = Dimension::time,
       .default_text = "1us",
       .summary = "latency of one torus link",
       .source = "assumption, range 0.3-5 us"},
      {.key = "fabric.link_bandwidth",
       .number = 70,
       .dimension = Dimension::bandwidth,
       .minimum_is_legal = false,
       .summary = "bandwidth of one torus link, each way; default the chip's injection split over "
                  "its six links, so that topologies are compared at equal injection",
       .source = "TPU v4: 50 GB/s a link (ISCA'23); for other chips derived"},
  };
  return rows;
}

Fabric fabric_from(const Values& values) {
  Fabric fabric;
  fabric.hop_latency = values.optional_real("fabric.hop_latency");
  fabric.hop_bandwidth = values.optional_real("fabric.hop_bandwidth");
  if (fabric.hop_latency.has_value() != fabric.hop_bandwidth.has_value())
    throw InputError(
        "only one of fabric.hop_latency and fabric.hop_bandwidth is given (together "
        "they replace the whole fabric) give both or none");
  fabric.protocol = values.text("fabric.protocol");
  fabric.leaf_chips = static_cast<double>(values.count("fabric.leaf_chips"));
  fabric.pod_chips = static_cast<double>(values.count("fabric.pod_chips"));
  fabric.spine_latency = values.real("fabric.spine_latency");
  fabric.core_latency = values.real("fabric.core_latency");
  fabric.spine_oversubscription = values.real("fabric.spine_oversubscription");
  fabric.core_oversubscription = values.real("fabric.core_oversubscription");
  fabric.link_latency = values.real("fabric.link_latency");
  fabric.link_bandwidth = values.optional_real("fabric.link_bandwidth");
  return fabric;
}

}  // namespace lockstep
