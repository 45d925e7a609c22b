#include "lib/http/fair_queue.h"

#include <catch2/catch.hpp>
#include <deque>

namespace pannier::http {
namespace {

using Pushed = FairQueue::Pushed;
using std::chrono::milliseconds;

const SteadyTime kNow(std::chrono::hours(1));

// Requests by name, as "peer.lane".
struct Requests {
  Connection* Of(uint64_t peer, uint64_t lane = 0) {
    Connection& made = all.emplace_back();
    made.share = {peer, lane};
    made.complete_at = kNow;
    return &made;
  }
  std::deque<Connection> all;
};

TEST_CASE("fair queue: without limits requests leave in the order in which they came",
          "[lib][http]") {
  FairQueue queue({});
  Requests requests;
  std::vector<Connection*> in;
  for (int i = 0; i < 5; ++i) in.push_back(requests.Of(1));
  for (Connection* each : in) REQUIRE(queue.Push(each) == Pushed::kYes);
  for (Connection* each : in) REQUIRE(queue.Pop() == each);
  REQUIRE(queue.Pop() == nullptr);
  REQUIRE(queue.size() == 0);
}

TEST_CASE("fair queue: peers take turns, however much one of them asks for", "[lib][http]") {
  FairQueue queue({.queued_max = 1'000});
  Requests requests;
  for (int i = 0; i < 100; ++i) REQUIRE(queue.Push(requests.Of(1)) == Pushed::kYes);
  Connection* const other = requests.Of(2);
  Connection* const third = requests.Of(3);
  REQUIRE(queue.Push(other) == Pushed::kYes);
  REQUIRE(queue.Push(third) == Pushed::kYes);
  REQUIRE(queue.Pop()->share.peer == 1);
  REQUIRE(queue.Pop() == other);
  REQUIRE(queue.Pop() == third);
  REQUIRE(queue.Pop()->share.peer == 1);
}

TEST_CASE("fair queue: a peer at its limit waits until one of its own has ended", "[lib][http]") {
  FairQueue queue({.running_per_peer_max = 2});
  Requests requests;
  REQUIRE(queue.Begin({1, 0}, kNow));
  REQUIRE(queue.Begin({1, 0}, kNow));
  REQUIRE_FALSE(queue.Begin({1, 0}, kNow));
  Connection* const waits = requests.Of(1);
  REQUIRE(queue.Push(waits) == Pushed::kYes);
  REQUIRE(queue.Pop() == nullptr);
  REQUIRE(queue.Begin({2, 0}, kNow));  // others do not
  queue.End({2, 0});
  REQUIRE(queue.Pop() == nullptr);
  queue.End({1, 0});
  REQUIRE_FALSE(queue.Begin({1, 0}, kNow));  // the older one goes first
  REQUIRE(queue.Pop() == waits);
}

TEST_CASE("fair queue: a lane at its limit is waited for by its own requests only", "[lib][http]") {
  FairQueue queue({.running_per_lane_max = 1});
  Requests requests;
  REQUIRE(queue.Begin({1, 7}, kNow));
  REQUIRE_FALSE(queue.Begin({2, 7}, kNow));
  Connection* const same = requests.Of(1, 7);
  Connection* const other = requests.Of(1, 8);
  Connection* const none = requests.Of(1, 0);
  for (Connection* each : {same, other, none}) REQUIRE(queue.Push(each) == Pushed::kYes);
  REQUIRE(queue.Pop() == other);
  REQUIRE(queue.Pop() == none);
  REQUIRE(queue.Pop() == nullptr);
  queue.End({1, 7});
  REQUIRE(queue.Pop() == same);
}

TEST_CASE("fair queue: it is full for all, or for one peer", "[lib][http]") {
  FairQueue queue({.queued_max = 3, .queued_per_peer_max = 2});
  Requests requests;
  REQUIRE(queue.Push(requests.Of(1)) == Pushed::kYes);
  REQUIRE(queue.Push(requests.Of(1)) == Pushed::kYes);
  REQUIRE(queue.Push(requests.Of(1)) == Pushed::kPeerFull);
  REQUIRE(queue.Push(requests.Of(2)) == Pushed::kYes);
  REQUIRE(queue.Push(requests.Of(3)) == Pushed::kFull);
}

TEST_CASE("fair queue: in company a peer runs less at a time, until it is alone for a second",
          "[lib][http]") {
  FairQueue queue({.running_per_peer_max = 3, .running_in_company_max = 1});
  REQUIRE(queue.Begin({1, 0}, kNow));
  REQUIRE(queue.Begin({1, 0}, kNow));  // alone so far
  REQUIRE(queue.Begin({2, 0}, kNow));
  REQUIRE_FALSE(queue.Begin({1, 0}, kNow));
  REQUIRE_FALSE(queue.Begin({2, 0}, kNow));
  queue.End({1, 0});
  queue.End({1, 0});
  REQUIRE(queue.Begin({1, 0}, kNow + milliseconds(900)));
  REQUIRE_FALSE(queue.Begin({1, 0}, kNow + milliseconds(900)));
  const SteadyTime later = kNow + milliseconds(2'500);
  REQUIRE(queue.Begin({1, 0}, later));
  REQUIRE(queue.Begin({1, 0}, later));
  REQUIRE_FALSE(queue.Begin({1, 0}, later));
}

TEST_CASE("fair queue: in company fewer of a peer compute, and others of its requests pass them",
          "[lib][http]") {
  FairQueue queue({.running_in_company_max = 3, .computing_in_company_max = 1});
  REQUIRE(queue.Begin({1, 0, true}, kNow));
  REQUIRE(queue.Begin({1, 0, true}, kNow));  // alone so far
  REQUIRE(queue.Begin({2, 0, true}, kNow));
  queue.End({1, 0, true});
  Requests requests;
  Connection* const computes = requests.Of(1);
  computes->share.computes = true;
  Connection* const waits_for_disk = requests.Of(1);
  REQUIRE(queue.Push(computes) == Pushed::kYes);
  for (int i = 0; i < 50; ++i) {
    Connection* const more = requests.Of(1);
    more->share.computes = true;
    REQUIRE(queue.Push(more) == Pushed::kYes);
  }
  REQUIRE(queue.Push(waits_for_disk) == Pushed::kYes);
  REQUIRE(queue.Pop() == waits_for_disk);
  REQUIRE(queue.Pop() == nullptr);
  queue.End({1, 0, true});
  REQUIRE(queue.Pop() == computes);
  REQUIRE_FALSE(queue.Begin({2, 0, true}, kNow));
  REQUIRE(queue.Begin({2, 0, false}, kNow));
}

TEST_CASE("fair queue: many peers that came once are forgotten, those that run are not",
          "[lib][http]") {
  FairQueue queue({.running_per_peer_max = 1});
  REQUIRE(queue.Begin({5, 5}, kNow));
  for (uint64_t peer = 10; peer < 5'000; ++peer) {
    REQUIRE(queue.Begin({peer, peer}, kNow));
    queue.End({peer, peer});
  }
  REQUIRE_FALSE(queue.Begin({5, 5}, kNow));
  queue.End({5, 5});
  REQUIRE(queue.Begin({5, 5}, kNow));
}

}  // namespace
}  // namespace pannier::http
