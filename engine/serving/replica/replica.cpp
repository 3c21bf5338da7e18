#include "engine/serving/replica/replica.hpp"

#include <algorithm>

namespace lockstep {

/// Whether a waiting request may join a batch that holds so much: with a hundredth of the memory,
/// and room for the next iteration, to spare (vLLM's watermark). An empty replica takes any.
bool Replica::fits(const Request& request, std::int64_t held) const {
  if (running() == 0) return true;
  const std::int64_t spare = decoding_count_ + sort_->context_tokens / 100;
  return running() < sort_->most_sequences &&
         held + request.to_read + spare <= sort_->context_tokens;
}

void Replica::account(Ticks now) {
  const double time = seconds_of(now - accounted_);
  if (!up_) {
    use_.down += time;
  } else if (span_.count > 0) {
    const auto sequences = static_cast<double>(running());
    const auto decoding = static_cast<double>(decoding_count_);
    const auto length = static_cast<double>(span_.end() - span_.begin);
    // Held tokens grow with the iterations: those of the stretch's middle.
    const double middle = length > 0 ? (static_cast<double>(accounted_ - span_.begin) +
                                        static_cast<double>(now - span_.begin)) /
                                           (2 * length)
                                     : 0;
    const double grown = decoding * static_cast<double>(span_.count) * middle;
    use_.busy += time;
    use_.computing += time * computing_share_;
    use_.sequences += time * sequences;
    use_.context += time * (static_cast<double>(held_) + grown);
    const std::int64_t done = span_.done(now);
    use_.tokens += (done - counted_) * decoding_count_;
    counted_ = done;
  }
  accounted_ = now;
}

void Replica::cut(Ticks now) {
  account(now);
  span_.count = std::min(span_.count, span_.done(now) + 1);
}

void Replica::add(Ticks now, std::int32_t place) {
  Request& request = (*pool_)[place];
  request.to_read = request.input + request.made;
  request.ticket = 0;
  waiting_.push_back(place);
  if (span_.count == 0) {
    account(now);
    plan(now);
    return;
  }
  // Else it joins when the iteration under way ends, if it can.
  if (waiting_.size() > 1 || span_.count == 1) return;
  const std::int64_t done = std::min(span_.count, span_.done(now) + 1);
  if (fits(request, held_ + done * decoding_count_)) cut(now);
}

void Replica::set_slowness(Ticks now, double slowness) {
  slowness_ = slowness;
  if (span_.count > 0) cut(now);
}

void Replica::set_links(Ticks now, const LinkDelay& links) {
  links_ = links;
  if (span_.count > 0) cut(now);
}

void Replica::advance(Ticks now, std::vector<std::int32_t>& finished) {
  account(now);
  iteration_ += span_.count;
  held_ += span_.count * decoding_count_;
  finish_decoded(finished);
  if (!reading_.empty()) read_prompts(now, finished);
  plan(now);
}

void Replica::finish_decoded(std::vector<std::int32_t>& finished) {
  while (!decoding_.empty() && decoding_.front().last <= iteration_) {
    const Decoding done = decoding_.front();
    std::pop_heap(decoding_.begin(), decoding_.end(), ends_later);
    decoding_.pop_back();
    if (!holds(done.place, done.ticket)) continue;
    Request& request = (*pool_)[done.place];
    request.made = request.output;
    request.ticket = 0;
    held_ -= request.input + request.output - 1;
    --decoding_count_;
    finished.push_back(done.place);
  }
}

/// What the iteration that ends now has read. The last token made has no context yet: a request
/// that has made m of its tokens holds input + m - 1.
void Replica::read_prompts(Ticks now, std::vector<std::int32_t>& finished) {
  std::int64_t left = prompt_tokens_;
  use_.prompt += prompt_tokens_;
  while (!reading_.empty()) {
    const std::int32_t place = reading_.front();
    Request& request = (*pool_)[place];
    const auto now_read = static_cast<std::int32_t>(std::min<std::int64_t>(request.to_read, left));
    request.to_read -= now_read;
    left -= now_read;
    if (request.to_read > 0) return;
    reading_.pop_front();
    ++request.made;
    ++use_.tokens;
    if (request.first_token < 0) request.first_token = now;
    if (request.made == request.output) {
      request.ticket = 0;
      held_ -= request.input + request.output - 1;
      finished.push_back(place);
      continue;
    }
    decoding_.push_back({iteration_ + request.output - request.made, place, request.ticket});
    std::push_heap(decoding_.begin(), decoding_.end(), ends_later);
    ++decoding_count_;
  }
}

void Replica::admit() {
  while (!waiting_.empty()) {
    const std::int32_t place = waiting_.front();
    Request& request = (*pool_)[place];
    if (!fits(request, held_)) return;
    waiting_.pop_front();
    request.ticket = pool_->next_ticket();
    held_ += request.to_read;
    reading_.push_back(place);
    while (!admitted_.empty() && !holds(admitted_.back().place, admitted_.back().ticket))
      admitted_.pop_back();
    if (admitted_.size() > 64 + 2 * static_cast<std::size_t>(running()))
      std::erase_if(admitted_, [&](const Admitted& a) { return !holds(a.place, a.ticket); });
    admitted_.push_back({place, request.ticket});
  }
}

void Replica::make_room() {
  while (running() > 1 && held_ + decoding_count_ > sort_->context_tokens) preempt_last();
}

void Replica::preempt_last() {
  while (!holds(admitted_.back().place, admitted_.back().ticket)) admitted_.pop_back();
  const std::int32_t place = admitted_.back().place;
  admitted_.pop_back();
  Request& request = (*pool_)[place];
  if (!reading_.empty() && reading_.back() == place) {
    reading_.pop_back();
    held_ -= request.input + request.made;
  } else {
    const auto its = std::ranges::find_if(decoding_, [&](const Decoding& d) {
      return d.place == place && d.ticket == request.ticket;
    });
    request.made = static_cast<std::int32_t>(request.output - (its->last - iteration_));
    held_ -= request.input + request.made - 1;
    --decoding_count_;
  }
  request.ticket = 0;
  request.to_read = request.input + request.made;
  waiting_.push_front(place);
  ++use_.preemptions;
}

void Replica::plan(Ticks now) {
  span_.begin = now;
  span_.count = 0;
  counted_ = 0;
  if (!up_) return;
  make_room();
  admit();
  if (running() == 0) return;
  prompt_tokens_ = 0;
  std::int64_t computed = decoding_count_;
  for (const std::int32_t place : reading_) {
    const std::int64_t unread = (*pool_)[place].to_read;
    const std::int64_t now_read = std::min(unread, sort_->chunk - prompt_tokens_);
    if (now_read == 0 && unread > 0) break;
    prompt_tokens_ += now_read;
    computed += std::max<std::int64_t>(1, now_read);
    if (now_read < unread) break;
  }
  const double base =
      slowness_ * sort_->law.alone(computed) + sort_->law.collective.time(computed, links_);
  const Ticks per_context = ticks_of(slowness_ * sort_->law.per_context);
  span_.first = ticks_of(base) + per_context * held_;
  span_.growth = per_context * decoding_count_;
  span_.count = 1;
  if (reading_.empty()) {
    while (!holds(decoding_.front().place, decoding_.front().ticket)) {
      std::pop_heap(decoding_.begin(), decoding_.end(), ends_later);
      decoding_.pop_back();
    }
    const std::int64_t room = (sort_->context_tokens - held_) / decoding_count_;
    span_.count =
        std::clamp(std::min(decoding_.front().last - iteration_, room), std::int64_t{1}, longest_);
  }
  const double products = slowness_ * sort_->law.compute * static_cast<double>(computed);
  computing_share_ = span_.first > 0 ? std::min(1.0, products / seconds_of(span_.first)) : 0;
}

void Replica::fail(Ticks now, std::vector<std::int32_t>& dropped) {
  account(now);
  for (const Admitted& one : admitted_)
    if (holds(one.place, one.ticket)) dropped.push_back(one.place);
  dropped.insert(dropped.end(), waiting_.begin(), waiting_.end());
  for (const std::int32_t place : dropped) {
    (*pool_)[place].ticket = 0;
    (*pool_)[place].made = 0;
  }
  waiting_.clear();
  reading_.clear();
  decoding_.clear();
  admitted_.clear();
  decoding_count_ = held_ = 0;
  span_.count = 0;
  up_ = false;
}

void Replica::restore(Ticks now) {
  account(now);
  up_ = true;
  plan(now);
}

}  // namespace lockstep
