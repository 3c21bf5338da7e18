#include "engine/serving/request_rows.hpp"

#include "engine/serving/routers/router.hpp"

namespace lockstep {

std::vector<std::string_view> router_words() {
  std::vector<std::string_view> words;
  for (const RouterKind& kind : router_kinds()) words.push_back(kind.name);
  return words;
}

std::vector<Field<Serving>> request_fields() {
  return {
      {&Serving::arrival_cv,
       {.key = "serving.arrival_cv",
        .number = 411,
        .default_text = "1.1",
        .maximum = 100,
        .needs = {"serving.load", "serving.request_rate"},
        .summary = "coefficient of variation of the gaps between a cell's requests, Gamma "
                   "distributed; 1 is Poisson, 0 regular",
        .source = "1.09: Azure conversation trace of 2023 (Splitwise, ISCA'24)"}},
      {&Serving::rate_variation,
       {.key = "serving.rate_variation",
        .number = 412,
        .default_text = "0",
        .maximum = 10,
        .needs = {"serving.load", "serving.request_rate"},
        .summary = "standard deviation of a factor of mean 1 on a cell's rate, lognormal, that "
                   "varies slowly",
        .source =
            "off: of a fleet's sum none is published; 0.22 with a cv of 1.06 has the variance "
            "over mean of that trace, 1.4, 16, 56 at 1, 60, 300 s"}},
      {&Serving::rate_variation_time,
       {.key = "serving.rate_variation_time",
        .number = 413,
        .dimension = Dimension::time,
        .default_text = "290s",
        .minimum_is_legal = false,
        .needs = {"serving.rate_variation"},
        .summary = "in which the correlation of that factor falls by e",
        .source = "the same fit"}},
      {&Serving::profile,
       {.key = "serving.profile",
        .number = 414,
        .type = ValueType::text,
        .default_text = "none",
        .needs = {"serving.load", "serving.request_rate"},
        .summary = "factor on the rate by time of day: none, diurnal (highest at 14 h, 1.81), or "
                   "FILE.csv with lines of a time in seconds and a factor, held until the next "
                   "line and repeated every day",
        .source = "none; diurnal: weekdays of the Azure traces of 2024 peak at 1.7-1.9"}},
      {&Serving::time_of_day,
       {.key = "serving.time_of_day",
        .number = 415,
        .dimension = Dimension::time,
        .default_text = "12h",
        .needs = {"serving.profile"},
        .summary = "when the warm-up begins",
        .source = "assumption"}},
      {&Serving::trace,
       {.key = "serving.trace",
        .number = 416,
        .type = ValueType::text,
        .default_text = "none",
        .needs = {"serving.load", "serving.request_rate"},
        .summary =
            "FILE.csv of requests that each cell replays at its own rate from a random place "
            "on, in place of all other laws of requests: time (seconds or YYYY-MM-DD "
            "hh:mm:ss), input tokens, output tokens",
        .source = "none"}},
      {&Serving::input_tokens,
       {.key = "serving.input_tokens",
        .number = 417,
        .type = ValueType::law,
        .default_text = "lognormal(median=757.5, sigma=0.985)",
        .each = "request",
        .needs = {"serving.load", "serving.request_rate"},
        .summary = "tokens of a prompt, rounded, at least 1",
        .source = "Azure conversation trace of 2023: mu 6.63; later ones have 2-30 times as many"}},
      {&Serving::output_tokens,
       {.key = "serving.output_tokens",
        .number = 418,
        .type = ValueType::law,
        .default_text = "lognormal(median=151.4, sigma=0.859)",
        .each = "request",
        .needs = {"serving.load", "serving.request_rate"},
        .summary = "tokens made, rounded, at least 1",
        .source = "Azure conversation trace of 2023: mu 5.02"}},
      {&Serving::longest,
       {.key = "serving.longest",
        .number = 419,
        .type = ValueType::count,
        .default_text = "16384",
        .minimum = 2,
        .maximum = 1e9,
        .shapes_arrays = true,
        .needs = {"serving.load", "serving.request_rate"},
        .summary = "tokens of a request, input and output; longer ones are cut",
        .source = "14,089 in the Azure conversation trace of 2023"}},
      {&Serving::first_token_limit,
       {.key = "serving.first_token_limit",
        .number = 420,
        .dimension = Dimension::time,
        .default_text = "2s",
        .needs = {"serving.load", "serving.request_rate"},
        .summary = "until the first token of a request that counts in goodput",
        .source = "MLPerf Inference, Llama2-70B server; interactive 450 ms"}},
      {&Serving::token_limit,
       {.key = "serving.token_limit",
        .number = 421,
        .dimension = Dimension::time,
        .default_text = "200ms",
        .needs = {"serving.load", "serving.request_rate"},
        .summary =
            "mean time of its further ones; what a generation makes in iterations so long is "
            "its rated capacity",
        .source = "MLPerf Inference, Llama2-70B server; interactive 40 ms"}},
  };
}

}  // namespace lockstep
