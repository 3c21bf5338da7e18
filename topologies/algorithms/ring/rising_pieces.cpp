#include "topologies/algorithms/ring/rising_pieces.hpp"

#include <cmath>

namespace lockstep {

void PlaceSet::reset(std::int32_t end) {
  word_.assign(word(end) + 1, 0);
  filled_.assign(word_.size() / 64 + 1, 0);
}

void RisingPieces::reset(std::int32_t end, double steepest) {
  steepest_ = steepest;
  end_ = end;
  first_ = none;
  if (room_ < end) {
    piece_ = std::make_unique_for_overwrite<Piece[]>(static_cast<std::size_t>(end));
    room_ = end;
  }
  pieces_.reset(end);
  levels_.clear();
}

void RisingPieces::prepend(std::int32_t place, double value, double slope) {
  insert(place, value, slope, first_);
  first_ = place;
  overtake(place);
}

void RisingPieces::steepen(double slope) {
  if (levels_.empty() || levels_.back().slope >= slope) return;
  const auto flat = static_cast<std::size_t>(&level_of(slope) - levels_.data()) + 1;
  while (levels_.size() > flat) {
    const std::int32_t p = levels_.back().first;
    if (p == none) {
      levels_.pop_back();
      continue;
    }
    unlist(p);
    piece(p).slope = slope;
    enlist(p);
    overtake(p);
  }
}

void RisingPieces::raise(std::int32_t before, std::int32_t place, double value, double slope) {
  const double old_value = at(before, place), old_slope = piece(before).slope;
  const std::int32_t next = piece(before).next;
  if (before == place) {
    remove(place);
  } else {
    piece(before).next = place;
  }
  insert(place, value, slope, next);
  if (!surface(place, old_value, old_slope, place, next)) overtake(place);
}

void RisingPieces::pop(std::int32_t last) {
  end_ = last;
  if (!pieces_.contains(last)) return;
  remove(last);
  if (last != first_) piece(pieces_.up_to(last)).next = none;
}

RisingPieces::Level& RisingPieces::level_of(double slope) {
  auto level = levels_.end();
  while (level != levels_.begin() && level[-1].slope < slope) --level;
  if (level != levels_.begin() && level[-1].slope == slope) return level[-1];
  return *levels_.insert(level, {slope, none});
}

void RisingPieces::insert(std::int32_t p, double value, double slope, std::int32_t next) {
  // A piece of one place that no slope will ever take above the next may have any.
  const bool settled = next == p + 1 && piece(next).value >= value + steepest_;
  piece(p) = {value, settled ? steepest_ : slope, next, none, none};
  pieces_.insert(p);
  enlist(p);
}

void RisingPieces::remove(std::int32_t p) {
  unlist(p);
  pieces_.erase(p);
}

void RisingPieces::enlist(std::int32_t p) {
  if (piece(p).slope == steepest_) return;
  Level& level = level_of(piece(p).slope);
  piece(p).above = none;
  piece(p).below = level.first;
  if (level.first != none) piece(level.first).above = p;
  level.first = p;
}

void RisingPieces::unlist(std::int32_t p) {
  const Piece& own = piece(p);
  if (own.slope == steepest_) return;
  if (own.below != none) piece(own.below).above = own.above;
  if (own.above != none)
    piece(own.above).below = own.below;
  else
    level_of(own.slope).first = own.below;
}

/// Takes the line of piece p on through all that lies below it.
void RisingPieces::overtake(std::int32_t p) {
  for (std::int32_t q = piece(p).next; q != none; q = piece(p).next) {
    const double value = piece(q).value, slope = piece(q).slope;
    if (value >= at(p, q)) return;
    const std::int32_t next = piece(q).next;
    remove(q);
    piece(p).next = next;
    if (surface(p, value, slope, q, next)) return;
  }
}

/// Where the line value + slope (place - from), at or below that of piece `line`, comes out above
/// it before `next`: a piece of its own from there on.
bool RisingPieces::surface(std::int32_t line, double value, double slope, std::int32_t from,
                           std::int32_t next) {
  const double gain = slope - piece(line).slope;
  if (gain <= 0 || next == from + 1) return false;
  const double distance = std::floor((at(line, from) - value) / gain) + 1;
  if (distance >= static_cast<double>((next == none ? end_ : next) - from)) return false;
  const std::int32_t place = from + static_cast<std::int32_t>(distance);
  insert(place, value + distance * slope, slope, next);
  piece(line).next = place;
  return true;
}

}  // namespace lockstep
