// Goal: one peer, or one lane, does not get all threads nor all places in the queue; others are
// served meanwhile, and nothing that waits is forgotten.
// Method: handlers that stay until they are let go, over real sockets. All clients on the Unix
// socket are one peer, this process; those of the TCP address are another.
#include <atomic>
#include <catch2/catch.hpp>
#include <vector>

#include "lib/http/server.h"
#include "tests/lib/http/server_fixture.h"

namespace pannier::http {
namespace {

using test::Await;
using test::Gate;
using test::Get;
using test::RawAnswer;
using test::RawClient;
using test::ServerFixture;

struct GatedHandler {
  Response operator()(const Request& request) {
    if (request.path.starts_with("/slow")) gate.Pass();
    return test::Echo(request);
  }
  Gate gate;
};

// The lane of "/slow/7" is 7.
uint64_t LaneOf(std::string_view path) {
  return path.starts_with("/slow/") ? static_cast<uint64_t>(path.back() - '0') : 0;
}

struct Fixture : GatedHandler, ServerFixture {
  explicit Fixture(Limits limits)
      : ServerFixture(
            limits,
            [this](const Request& request) { return static_cast<GatedHandler&>(*this)(request); },
            LaneOf) {}
  ~Fixture() { gate.Open(); }

  RawClient Ask(const std::string& path) const {
    RawClient client = Connect();
    client.Send(Get(path));
    return client;
  }
  bool AwaitQueued(uint64_t count) {
    return Await([&] { return server.stats().requests_queued == count; });
  }
};

Limits Shared() {
  Limits limits;
  limits.threads_max = 4;
  return limits;
}

TEST_CASE("fairness: a peer that has its share of threads waits, and another is served at once",
          "[lib][http]") {
  Limits limits = Shared();
  limits.threads_per_peer_max = 2;
  Fixture fixture(limits);
  std::vector<RawClient> flood;
  for (int i = 0; i < 6; ++i) flood.push_back(fixture.Ask("/slow"));
  REQUIRE(fixture.AwaitQueued(4));  // all are of one peer
  REQUIRE(Await([&] { return fixture.gate.waiting() == 2; }));
  RawClient other(fixture.tcp_address);
  for (int i = 0; i < 20; ++i) {
    other.Send(Get("/quick"));
    REQUIRE(other.Read().status == 200);
  }
  REQUIRE(fixture.gate.waiting() == 2);
  fixture.gate.Open();
  for (RawClient& each : flood) REQUIRE(each.Read().status == 200);
}

TEST_CASE("fairness: a store that has its share of threads does not hold up another",
          "[lib][http]") {
  Limits limits = Shared();
  limits.threads_per_lane_max = 2;
  Fixture fixture(limits);
  std::vector<RawClient> busy;
  for (int i = 0; i < 5; ++i) busy.push_back(fixture.Ask("/slow/1"));
  REQUIRE(fixture.AwaitQueued(3));
  RawClient other = fixture.Connect();
  for (int i = 0; i < 20; ++i) {
    other.Send(Get("/quick"));
    REQUIRE(other.Read().status == 200);
  }
  RawClient lane = fixture.Ask("/slow/2");
  REQUIRE(Await([&] { return fixture.gate.waiting() == 3; }));
  fixture.gate.Open();
  for (RawClient& each : busy) REQUIRE(each.Read().status == 200);
  REQUIRE(lane.Read().status == 200);
}

TEST_CASE("fairness: a peer that fills its part of the queue gets 429, and another finds a place",
          "[lib][http]") {
  Limits limits = Shared();
  limits.threads_max = 1;
  limits.requests_queued_max = 3;
  limits.requests_queued_per_peer_max = 2;
  Fixture fixture(limits);
  RawClient running = fixture.Ask("/slow");
  REQUIRE(Await([&] { return fixture.gate.waiting() == 1; }));
  RawClient first = fixture.Ask("/1"), second = fixture.Ask("/2");
  REQUIRE(fixture.AwaitQueued(2));
  RawClient refused = fixture.Ask("/3");
  const RawAnswer answer = refused.Read();
  REQUIRE(answer.status == 429);
  REQUIRE(answer.headers.at("retry-after") == "1");
  RawClient other(fixture.tcp_address);
  other.Send(Get("/other"));
  REQUIRE(fixture.AwaitQueued(3));
  fixture.gate.Open();
  for (RawClient* each : {&running, &first, &second, &other}) REQUIRE(each->Read().status == 200);
  refused.Send(Get("/again"));
  REQUIRE(refused.Read().status == 200);
}

TEST_CASE("fairness: a share that a client leaves behind is given back", "[lib][http]") {
  Limits limits = Shared();
  limits.threads_per_peer_max = 1;
  Fixture fixture(limits);
  RawClient running = fixture.Ask("/slow");
  REQUIRE(Await([&] { return fixture.gate.waiting() == 1; }));
  for (int i = 0; i < 5; ++i) {
    RawClient gone = fixture.Ask("/gone");
    REQUIRE(fixture.AwaitQueued(static_cast<uint64_t>(i) + 1));
  }
  fixture.gate.Open();
  REQUIRE(running.Read().status == 200);
  REQUIRE(fixture.AwaitQueued(0));
  RawClient after = fixture.Ask("/after");
  REQUIRE(after.Read().status == 200);
}

TEST_CASE("fairness: many clients with small shares are all answered, pipelined or not",
          "[lib][http]") {
  Limits limits = Shared();
  limits.threads_per_peer_max = 2;
  limits.threads_per_lane_max = 1;
  limits.requests_queued_max = 1'000;
  Fixture fixture(limits);
  fixture.gate.Open();
  std::vector<RawClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(i % 2 == 0 ? fixture.Connect() : RawClient(fixture.tcp_address));
  }
  constexpr int kRounds = 20, kInARow = 5;
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < clients.size(); ++i) {
      std::string requests;
      for (int n = 0; n < kInARow; ++n) requests += Get("/slow/" + std::to_string((i + n) % 4));
      clients[i].Send(requests);
    }
    for (RawClient& client : clients) {
      for (int n = 0; n < kInARow; ++n) REQUIRE(client.Read().status == 200);
    }
  }
  REQUIRE(fixture.server.stats().requests_queued == 0);
}

}  // namespace
}  // namespace pannier::http
