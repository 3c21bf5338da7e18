#include "engine/job/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"

namespace lockstep {

const std::vector<Field<Model>>& model_fields() {
  constexpr std::string_view llama = "Llama 3 405B (arXiv 2407.21783), Table 3 and 4";
  static const std::vector<Field<Model>> fields{
      {&Model::parameters,
       {.key = "job.model_parameters",
        .number = 30,
        .default_text = "405e9",
        .minimum_is_legal = false,
        .summary = "parameters of the model",
        .source = llama}},
      {&Model::active_parameters,
       {.key = "job.active_parameters",
        .number = 200,
        .minimum_is_legal = false,
        .needs = {"job.experts"},
        .summary = "parameters that a token passes, embedding and head included; default: from "
                   "the model's shape; all of a model without experts",
        .source = "no default"}},
      {&Model::layers,
       {.key = "job.layers",
        .number = 31,
        .type = ValueType::count,
        .default_text = "126",
        .summary = "transformer layers",
        .source = llama}},
      {&Model::hidden,
       {.key = "job.hidden",
        .number = 32,
        .type = ValueType::count,
        .default_text = "16384",
        .summary = "model dimension",
        .source = llama}},
      {&Model::sequence_length,
       {.key = "job.sequence_length",
        .number = 33,
        .type = ValueType::count,
        .default_text = "8192",
        .minimum = 1,
        .summary = "tokens of one sequence",
        .source = llama}},
      {&Model::feed_forward,
       {.key = "job.feed_forward",
        .number = 201,
        .type = ValueType::count,
        .minimum = 1,
        .summary = "inner width of the feed-forward block of a layer without experts; default: "
                   "what model_parameters leaves for it; beside experts, the width that a token "
                   "meets in a layer with them",
        .source = "no default"}},
      {{&Model::gated, {true, false}},
       {.key = "job.gated",
        .number = 202,
        .type = ValueType::choice,
        .default_text = "on",
        .words = {"on", "off"},
        .summary = "on: three matrices in a feed-forward block or expert (SwiGLU), off: two",
        .source = llama}},
      {&Model::heads,
       {.key = "job.heads",
        .number = 203,
        .type = ValueType::count,
        .minimum = 1,
        .summary = "attention heads; default: hidden / 128",
        .source = "heads of 128: Llama 3 (arXiv 2407.21783), Table 3, GPT-3 175B"}},
      {&Model::head_size,
       {.key = "job.head_size",
        .number = 212,
        .minimum_is_legal = false,
        .summary = "width of a head, the mean of queries' and values' (DeepSeek-V3: 192 and 128); "
                   "default: hidden / heads",
        .source = "Vaswani et al. (arXiv 1706.03762), section 3.2.2"}},
      {&Model::kv_heads,
       {.key = "job.kv_heads",
        .number = 204,
        .type = ValueType::count,
        .minimum = 1,
        .summary = "heads of keys and values (grouped queries); default: 8, or all heads where "
                   "there are fewer",
        .source = llama}},
      {&Model::vocabulary,
       {.key = "job.vocabulary",
        .number = 205,
        .type = ValueType::count,
        .default_text = "128256",
        .summary = "tokens that embedding and head know",
        .source = "128K tokens: Llama 3 (arXiv 2407.21783), Table 3, as released"}},
      {{&Model::causal, {false, true}},
       {.key = "job.attention",
        .number = 206,
        .type = ValueType::choice,
        .default_text = "full",
        .words = {"full", "causal"},
        .summary = "pairs of tokens whose attention costs, and counts in model FLOPs: all of a "
                   "sequence, or those a causal mask leaves, half of them",
        .source = "full: Chowdhery et al., PaLM (arXiv 2204.02311), appendix B"}},
      {&Model::experts,
       {.key = "job.experts",
        .number = 207,
        .type = ValueType::count,
        .default_text = "0",
        .summary = "experts of a layer (mixture of experts); 0: the model is dense",
        .source = "0: Llama 3 405B is dense"}},
      {&Model::top_k,
       {.key = "job.top_k",
        .number = 208,
        .type = ValueType::count,
        .default_text = "8",
        .minimum = 1,
        .needs = {"job.experts"},
        .summary = "experts that each token is sent to",
        .source = "DeepSeek-V3 (arXiv 2412.19437), section 4.2"}},
      {&Model::expert_hidden,
       {.key = "job.expert_hidden",
        .number = 209,
        .type = ValueType::count,
        .minimum = 1,
        .needs = {"job.experts"},
        .summary = "inner width of an expert; default: from model_parameters and "
                   "active_parameters, or from model_parameters alone",
        .source = "no default"}},
      {&Model::shared_experts,
       {.key = "job.shared_experts",
        .number = 210,
        .type = ValueType::count,
        .default_text = "0",
        .needs = {"job.experts"},
        .summary = "experts of a layer that all tokens pass, beside the others",
        .source = "0: Mixtral (arXiv 2401.04088); DeepSeek-V3 has 1"}},
      {&Model::dense_layers,
       {.key = "job.dense_layers",
        .number = 211,
        .type = ValueType::count,
        .default_text = "0",
        .needs = {"job.experts"},
        .summary = "first layers that have no experts",
        .source = "0: Mixtral (arXiv 2401.04088); DeepSeek-V3 has 3"}},
  };
  return fields;
}

double Model::flops_per_token() const {
  return 6 * parameters + 12 * layers * hidden * sequence_length;
}

Model model_from(const Values& values) {
  Model model = read_fields(model_fields(), values);
  return model;
}

}  // namespace lockstep
