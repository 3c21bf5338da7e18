#include "engine/noise/episodes.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace lockstep {
namespace {

struct Case {
  const char* name;
  double rate;
  const char* duration;
  double residual_mean;  ///< E[D^2] / (2 E[D]), what is left of an episode met at time 0 [s]
  double residual_sd;    ///< [s]
};

// The residual law has density (1 - F) / E[D] (Cox, Renewal Theory, 1962, section 5.4); its mean is
// E[D^2] / 2E[D], its second moment E[D^3] / 3E[D].
const Case cases[] = {
    {"exponential", 1e-3, "exponential(mean=600s)", 600, 600},
    {"constant", 2e-4, "constant(100s)", 50, 100 / std::sqrt(12.0)},
    {"uniform", 1e-2, "uniform(low=0s, high=60s)", 20, std::sqrt(60.0 * 60.0 / 6 - 400)},
};

constexpr std::size_t count = 100000;

std::vector<EpisodeEntity> entities() {
  std::vector<EpisodeEntity> who(count);
  for (std::size_t i = 0; i < count; ++i) who[i] = {static_cast<std::uint32_t>(i), 7};
  return who;
}

EpisodeLaw law_of(const Case& c) {
  return {c.rate, Distribution::parse(c.duration, Dimension::time), Distribution(2.0)};
}

double share_slow(const Episodes& episodes) {
  double slow = 0;
  for (double factor : episodes.factors()) slow += factor > 1 ? 1 : 0;
  return slow / static_cast<double>(count);
}

double z_of(double share, double expected) {
  return (share - expected) / std::sqrt(expected * (1 - expected) / static_cast<double>(count));
}

TEST(Episodes, ShareIsStationaryFromTheFirstStepOn) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const EpisodeLaw law = law_of(c);
    const double mean = law.duration.mean();
    const double expected = c.rate * mean / (1 + c.rate * mean);
    Episodes episodes(law, {42, purpose::compute_episode, 3}, entities());
    // The last are ages away, beyond what is followed change by change.
    const double cycle = mean + 1 / c.rate;
    for (double now : {0.0, 0.1 * mean, mean, 7 * mean, 1e7 * cycle, 2e12 * cycle}) {
      episodes.advance(now);
      EXPECT_LT(std::abs(z_of(share_slow(episodes), expected)), 5) << "at " << now;
      // The control: a share 15 % off must be told from it.
      EXPECT_GT(std::abs(z_of(share_slow(episodes), 1.15 * expected)), 4) << "at " << now;
    }
  }
}

TEST(Episodes, WhatIsLeftOfAnEpisodeMetAtTheStartIsLengthBiased) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const EpisodeLaw law = law_of(c);
    Episodes episodes(law, {43, purpose::compute_episode, 0}, entities());
    // Steps fine enough that an ending is known to 1/200 of the mean duration.
    const double width = law.duration.mean() / 200;
    std::vector<double> ended;
    std::vector<char> watched;
    for (double factor : episodes.factors()) watched.push_back(factor > 1 ? 1 : 0);
    const auto slow = std::accumulate(watched.begin(), watched.end(), std::size_t{0});
    for (int step = 1; ended.size() < slow && step < 20000; ++step)
      for (std::size_t e : episodes.advance(step * width))
        if (watched[e]) {
          watched[e] = 0;
          ended.push_back((step - 0.5) * width);
        }
    ASSERT_EQ(ended.size(), slow);
    const auto n = static_cast<double>(ended.size());
    ASSERT_GT(n, 1000);
    const double mean = std::accumulate(ended.begin(), ended.end(), 0.0) / n;
    const double error = c.residual_sd / std::sqrt(n) + width / 20;
    EXPECT_LT(std::abs(mean - c.residual_mean), 5 * error);
    // The control: were whole durations taken for what is left, the mean would differ.
    if (std::abs(law.duration.mean() - c.residual_mean) > 1) {
      EXPECT_GT(std::abs(mean - law.duration.mean()), 5 * error);
    }
  }
}

TEST(Episodes, DoNotDependOnHowTimeIsCutUp) {
  const EpisodeLaw law = law_of(cases[0]);
  Episodes coarse(law, {44, purpose::link_episode, 1}, entities());
  Episodes fine(law, {44, purpose::link_episode, 1}, entities());
  coarse.advance(3000);
  for (int step = 1; step <= 300; ++step) fine.advance(10.0 * step);
  EXPECT_EQ(coarse.factors(), fine.factors());
}

TEST(Episodes, PublishedSharesOfJobs) {
  // noise.tenancy = multi: 40 % of jobs on four nodes (32 links), watched for an hour, meet a slow
  // link; here 5,000 such jobs.
  const EpisodeLaw law{0.510826 / (32 * 5040.0),
                       Distribution::parse("exponential(mean=24min)", Dimension::time),
                       Distribution(2.0)};
  constexpr std::size_t jobs = 5000, links = 32;
  std::vector<EpisodeEntity> who(jobs * links);
  for (std::size_t i = 0; i < who.size(); ++i) who[i] = {static_cast<std::uint32_t>(i), 9};
  Episodes episodes(law, {45, purpose::link_episode, 0}, who);
  std::vector<char> met(jobs, 0);
  for (std::size_t i = 0; i < who.size(); ++i)
    if (episodes.factors()[i] > 1) met[i / links] = 1;
  for (std::size_t i : episodes.advance(3600)) met[i / links] = 1;
  const double share =
      static_cast<double>(std::accumulate(met.begin(), met.end(), 0)) / static_cast<double>(jobs);
  // 1 - prod(stationary healthy x no onset) = 0.396: the published 0.40 to first order in rate x d.
  const double sd = std::sqrt(0.4 * 0.6 / static_cast<double>(jobs));
  EXPECT_LT(std::abs(share - 0.40), 5 * sd);
  EXPECT_GT(std::abs(share - 0.36), 5 * sd - 0.01);
}

}  // namespace
}  // namespace lockstep
