// Goal: no more than maxConcurrentTransfers use a repository at once; who has begun goes on, and
// who waits is woken. Method: claims in turn, and from several threads.
#include "operator/reconcile/transfers.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "operator/reconcile/kinds.h"

using namespace pannier::control;

namespace {

Transfers::Who Named(const std::string& name) { return {kSnapshots, {"team", name}}; }

}  // namespace

TEST_CASE("transfers: a repository has at most so many, and each repository has its own",
          "[operator][reconcile]") {
  Transfers transfers;
  REQUIRE(transfers.Claim(Named("a"), "team/r", {0, 3, 4}) == 3);
  REQUIRE(transfers.Claim(Named("b"), "team/r", {0, 3, 4}) == 1);
  REQUIRE(transfers.Claim(Named("c"), "team/r", {0, 1, 4}) == 0);
  REQUIRE(transfers.Claim(Named("d"), "team/other", {0, 9, 4}) == 4);
  // What is at work already counts, also beyond the limit.
  REQUIRE(transfers.Claim(Named("e"), "team/r", {2, 5, 4}) == 2);
  REQUIRE(transfers.Claim(Named("a"), "team/r", {3, 3, 1}) == 3);
  transfers.Clear();
  REQUIRE(transfers.Claim(Named("c"), "team/r", {0, 9, 4}) == 4);
}

TEST_CASE("transfers: who waits is woken in turn, as many as have ended", "[operator][reconcile]") {
  Transfers transfers;
  std::vector<std::string> woken;
  transfers.SetWake([&](const Transfers::Who& who) { woken.push_back(who.key.name); });
  transfers.Claim(Named("a"), "team/r", {0, 2, 2});
  for (const char* name : {"b", "c", "d"}) {
    REQUIRE(transfers.Claim(Named(name), "team/r", {0, 1, 2}) == 0);
  }
  transfers.Claim(Named("x"), "team/other", {0, 1, 1});
  transfers.Keep(Named("x"), 0);
  REQUIRE(woken.empty());
  transfers.Keep(Named("a"), 1);
  REQUIRE(woken == std::vector<std::string>{"b"});
  REQUIRE(transfers.Claim(Named("b"), "team/r", {0, 1, 2}) == 1);
  transfers.Keep(Named("a"), 0);
  transfers.Keep(Named("a"), 0);
  REQUIRE(woken == std::vector<std::string>{"b", "c"});
}

TEST_CASE("transfers: several threads never have more than there may be", "[operator][reconcile]") {
  Transfers transfers;
  std::atomic<int> at_work{0}, most{0}, done{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      const Transfers::Who who = Named(std::to_string(i));
      for (int round = 0; round < 2'000; ++round) {
        if (transfers.Claim(who, "team/r", {0, 1, 2}) == 0) continue;
        const int now = ++at_work;
        int before = most;
        while (now > before && !most.compare_exchange_weak(before, now)) {
        }
        --at_work;
        ++done;
        transfers.Keep(who, 0);
      }
    });
  }
  threads.clear();
  REQUIRE(most <= 2);
  REQUIRE(done > 0);
}
