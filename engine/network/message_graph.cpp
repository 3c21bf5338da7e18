#include "engine/network/message_graph.hpp"

#include <algorithm>
#include <limits>

namespace lockstep {

std::vector<double> MessageGraph::evaluate(std::span<const double> ready,
                                           const std::function<double(std::int64_t)>& noise) const {
  std::vector<double> finish;
  for (double r : ready) finish.push_back(r + start_latency);
  finish.resize(static_cast<std::size_t>(vertices()), -std::numeric_limits<double>::infinity());
  const std::vector<double> begin = finish;
  std::vector<double> start(messages.size()), arrival(messages.size());
  for (std::size_t m = 0; m < messages.size(); ++m) {
    const Message& message = messages[m];
    double s = begin[static_cast<std::size_t>(message.source)];
    for (auto i : message.inputs) s = std::max(s, arrival[static_cast<std::size_t>(i)]);
    for (auto i : message.after_send)
      s = std::max(s, start[static_cast<std::size_t>(i)] +
                          messages[static_cast<std::size_t>(i)].serialization);
    double a = s + message.latency + message.serialization;
    for (auto i : message.after_receive)
      a = std::max(a, arrival[static_cast<std::size_t>(i)] + message.serialization);
    if (message.receiver_ready)
      a = std::max(a, begin[static_cast<std::size_t>(message.destination)] + message.serialization);
    start[m] = s;
    arrival[m] = a + noise(message.number);
    double& done = finish[static_cast<std::size_t>(message.destination)];
    done = std::max(done, arrival[m]);
  }
  finish.resize(static_cast<std::size_t>(ranks));
  return finish;
}

}  // namespace lockstep
