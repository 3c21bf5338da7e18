#include "engine/base/random.hpp"

#include <Random123/philox.h>
#include <gtest/gtest.h>

#include <set>

namespace lockstep {
namespace {

struct KnownAnswer {
  std::uint32_t counter[4];
  std::uint32_t key[2];
  std::uint32_t result[4];
};

// tests/kat_vectors of Random123 1.14, "philox4x32 10".
constexpr KnownAnswer known_answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

TEST(Philox, PublishedVectors) {
  for (const KnownAnswer& known : known_answers) {
    const auto& c = known.counter;
    const PhiloxBlock block =
        detail::philox4x32_10(c[0], c[1], c[2], c[3], known.key[0], known.key[1]);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(block.word[i], known.result[i]);
  }
}

TEST(Philox, EqualsRandom123) {
  // Inputs from a Weyl sequence, so that every bit of counter and key varies.
  std::uint64_t state = 0;
  const auto next = [&state] {
    state += 0x9E3779B97F4A7C15u;
    return static_cast<std::uint32_t>((state ^ (state >> 29)) * 0xBF58476D1CE4E5B9u >> 32);
  };
  std::set<std::uint32_t> first_words;
  constexpr int cases = 20000;
  for (int i = 0; i < cases; ++i) {
    const r123::Philox4x32::ctr_type counter{{next(), next(), next(), next()}};
    const r123::Philox4x32::key_type key{{next(), next()}};
    const auto expected = r123::Philox4x32{}(counter, key);
    const PhiloxBlock block =
        detail::philox4x32_10(counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
    for (int word = 0; word < 4; ++word) ASSERT_EQ(block.word[word], expected[word]) << i;
    first_words.insert(block.word[0]);
  }
  EXPECT_GT(first_words.size(), cases - 10u);
}

TEST(OpenUniform, StaysStrictlyInside) {
  EXPECT_EQ(open_uniform(0, 0), 0x1p-53);
  EXPECT_EQ(open_uniform(0xffffffff, 0xffffffff), 1 - 0x1p-53);
  EXPECT_GT(open_uniform(0, 0), 0.0);
  EXPECT_LT(open_uniform(0xffffffff, 0xffffffff), 1.0);
}

TEST(OpenUniform, IsAnOddMultipleOfTheStep) {
  // (2b + 1) 2^-53 with b = high 32 bits and the upper 20 of low.
  for (const std::uint32_t high : {0u, 1u, 0x80000000u, 0xffffffffu}) {
    for (const std::uint32_t low : {0u, 0xfffu, 0x1000u, 0x80000000u, 0xffffffffu}) {
      const std::uint64_t b = (std::uint64_t{high} << 20) | (low >> 12);
      const double expected = static_cast<double>(2 * b + 1) * 0x1p-53;
      EXPECT_EQ(open_uniform(low, high), expected) << high << " " << low;
    }
  }
}

TEST(Stream, IsAFunctionOfItsIdentity) {
  const Stream stream{.seed = 42, .purpose = Purpose{5}, .trial = 7};
  EXPECT_EQ(stream.uniform(3, 4), stream.uniform(3, 4));
  EXPECT_EQ(stream.uniform(3, 4), stream.uniform_pair(3, 4)[0]);
  std::set<double> all;
  std::size_t count = 0;
  for (const std::uint64_t seed : {42ull, 43ull, 42ull + (1ull << 32)}) {
    for (const Purpose purpose : {Purpose{5}, Purpose{6}}) {
      for (const std::uint32_t trial : {7u, 8u}) {
        for (const std::uint64_t entity : {0ull, 1ull, 1ull << 32, (1ull << 56) - 1}) {
          for (const std::uint32_t draw : {0u, 1u, 0xffffffffu}) {
            const Stream other{seed, purpose, trial};
            all.insert(other.uniform(entity, draw));
            all.insert(other.child(entity, draw).uniform(entity, draw));
            count += 2;
          }
        }
      }
    }
  }
  EXPECT_EQ(all.size(), count);
}

}  // namespace
}  // namespace lockstep
