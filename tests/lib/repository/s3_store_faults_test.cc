// Goal: whatever goes wrong between us and an S3 server, the result is right, attempts are bounded,
// nothing is lost, and no object is torn.
// Method: every fault × every call, on the first request, on each of the first few, and on all of
// them, against the real server; what is there afterwards is asked of the server itself.
#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "tests/lib/repository/s3_fixture.h"
#include "tests/support/torture.h"

using namespace pannier;
using namespace pannier::repository;
using test::Fault;
using test::Later;
using IfPresent = ObjectStore::IfPresent;

namespace {

const std::string kOld(40'000, 'o'), kNew(50'000, 'n');

std::string Big() { return std::string(6 << 20, 'b'); }

// A call, and what must hold after it has succeeded.
struct Call {
  const char* name;
  std::function<Status(ObjectStore&)> run;
  std::function<void(ObjectStore&)> check;
};

std::vector<Call> Calls() {
  return {
      {"put", [](ObjectStore& s) { return s.Put("k", kNew, IfPresent::kReplace, Later()); },
       [](ObjectStore& s) { REQUIRE((s.Get("k", 1 << 20, Later()).value() == kNew)); }},
      {"put of what must not be there",
       [](ObjectStore& s) { return s.Put("fresh", kNew, IfPresent::kFail, Later()); },
       [](ObjectStore& s) { REQUIRE((s.Get("fresh", 1 << 20, Later()).value() == kNew)); }},
      {"put in parts",
       [](ObjectStore& s) { return s.Put("k", Big(), IfPresent::kReplace, Later()); },
       [](ObjectStore& s) { REQUIRE((s.Get("k", 8 << 20, Later()).value() == Big())); }},
      {"put in parts of what must not be there",
       [](ObjectStore& s) { return s.Put("fresh", Big(), IfPresent::kFail, Later()); },
       [](ObjectStore& s) { REQUIRE((s.Get("fresh", 8 << 20, Later()).value() == Big())); }},
      {"get",
       [](ObjectStore& s) -> Status {
         const std::string read = TRY(s.Get("k", 1 << 20, Later()));
         REQUIRE((read == kOld));
         return {};
       },
       [](ObjectStore&) {}},
      {"stat",
       [](ObjectStore& s) -> Status {
         const ObjectInfo info = TRY(s.Stat("k", Later()));
         REQUIRE(info.bytes == kOld.size());
         return {};
       },
       [](ObjectStore&) {}},
      {"list",
       [](ObjectStore& s) -> Status {
         const ObjectPage page = TRY(s.List("", "", Later()));
         REQUIRE(page.objects.size() == 2);
         REQUIRE(page.objects[0].key == "k");
         REQUIRE(page.objects[1].key == "z");
         return {};
       },
       [](ObjectStore&) {}},
      {"delete", [](ObjectStore& s) { return s.Delete("k", Later()); },
       [](ObjectStore& s) { REQUIRE(s.Get("k", 1, Later()).Is(Errc::kNotFound)); }},
  };
}

struct World {
  test::S3Fixture fixture;
  std::unique_ptr<S3Store> store = fixture.Make();
  std::unique_ptr<S3Store> witness;

  World() {
    witness = fixture.Make();
    REQUIRE(witness->Put("k", kOld, IfPresent::kReplace, Later()).ok());
    REQUIRE(witness->Put("z", kOld, IfPresent::kReplace, Later()).ok());
    fixture.proxy.Reset();
  }

  // Silence is what a client can only tell by waiting.
  void BeImpatient() {
    S3Options options = fixture.Options();
    options.request_timeout = std::chrono::milliseconds(1000);
    store = fixture.Make(options);
  }

  // Nothing that was there before is lost or torn, whatever the call said.
  void CheckWhole(const Call& call) {
    fixture.proxy.Heal();
    REQUIRE((witness->Get("z", 1 << 20, Later()).value() == kOld));
    for (const char* key : {"k", "fresh"}) {
      const Result<std::string> there = witness->Get(key, 8 << 20, Later());
      const bool may_be_gone = key[0] == 'f' || std::string_view(call.name) == "delete";
      CAPTURE(key, there.ok() ? "there" : there.error().what);
      REQUIRE((there.ok() || (may_be_gone && there.Is(Errc::kNotFound))));
      if (there.ok()) REQUIRE((*there == kOld || *there == kNew || *there == Big()));
    }
  }
};

}  // namespace

// Whether request n of a call was there to be spoiled.
bool GetsOver(Fault fault, const Call& call, int n) {
  CAPTURE(test::ToString(fault), call.name, n);
  World world;
  if (fault == Fault::kSilence) world.BeImpatient();
  world.fixture.proxy.Spoil(fault, n);
  const Status result = call.run(*world.store);
  const bool met = world.fixture.proxy.spoiled() > 0;
  const size_t requests = world.fixture.proxy.requests().size();
  CAPTURE(result.ok() ? "ok" : result.error().what, world.fixture.proxy.requests());
  REQUIRE(result.ok());
  REQUIRE(requests <= 16);
  world.fixture.proxy.Heal();
  call.check(*world.witness);
  world.CheckWhole(call);
  return met;
}

// Uploads in parts take 5 MiB at least; `make torture` spoils each of their requests, a test one.
TEST_CASE("s3 faults: one passing fault, at any request of any call, is got over",
          "[repository][s3][fault]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  for (const Fault fault : test::PassingFaults()) {
    for (const Call& call : Calls()) {
      const bool in_parts = std::string_view(call.name).find("parts") != std::string_view::npos;
      if (in_parts && test::Rounds(0) == 0) {
        GetsOver(fault, call, 1 + static_cast<int>(random.Below(4)));
        continue;
      }
      for (int n = 1; GetsOver(fault, call, n); ++n) REQUIRE(n < 20);
    }
  }
}

TEST_CASE("s3 faults: a server that never gets well is given up on", "[repository][s3][fault]") {
  for (const Fault fault : test::PassingFaults()) {
    for (const Call& call : Calls()) {
      CAPTURE(test::ToString(fault), call.name);
      World world;
      if (fault == Fault::kSilence) world.BeImpatient();
      world.fixture.proxy.Spoil(fault, 1, 1'000'000);
      const Status result = call.run(*world.store);
      CAPTURE(result.ok() ? "ok" : result.error().what, world.fixture.proxy.requests());
      // 4 attempts at the request, and 4 more at asking or cleaning up, each sent at most twice.
      REQUIRE(world.fixture.proxy.requests().size() <= 24);
      const bool may_pass = fault == Fault::kDamage || fault == Fault::kWrongEtag ||
                            std::string_view(call.name) == "delete";  // its status says enough
      if (!result.ok() || !may_pass) {
        REQUIRE_FALSE(result.ok());
        REQUIRE((result.Is(Errc::kUnavailable) || result.Is(Errc::kCorruption)));
      }
      world.CheckWhole(call);
    }
  }
}

TEST_CASE("s3 faults: what will not pass is said at once", "[repository][s3][fault]") {
  const struct {
    Fault fault;
    Errc code;
    const char* hint;
  } kCases[] = {{Fault::kSkewed, Errc::kPermissionDenied, "clock"},
                {Fault::kExpired, Errc::kPermissionDenied, "polic"},
                {Fault::kLostPage, Errc::kUnavailable, "S3 server"},
                {Fault::kNoBucket, Errc::kUnavailable, "no such bucket"}};
  for (const auto& expected : kCases) {
    for (const Call& call : Calls()) {
      CAPTURE(test::ToString(expected.fault), call.name);
      World world;
      world.fixture.proxy.Spoil(expected.fault, 1, 1'000'000);
      const Status result = call.run(*world.store);
      REQUIRE_FALSE(result.ok());
      CAPTURE(result.error().what);
      REQUIRE(result.error().code == expected.code);
      REQUIRE(result.error().hint.find(expected.hint) != std::string::npos);
      REQUIRE(world.fixture.proxy.requests().size() == 1);
      REQUIRE(world.fixture.sleeper.pauses().empty());
      world.CheckWhole(call);
    }
  }
}

TEST_CASE("s3 faults: a server that asks for patience gets it", "[repository][s3][fault]") {
  World world;
  world.fixture.proxy.Spoil(Fault::kSlowDown, 1, 2);
  REQUIRE(world.store->Get("k", 1 << 20, Later()).ok());
  const auto pauses = world.fixture.sleeper.pauses();
  REQUIRE(pauses.size() == 2);
  for (const auto pause : pauses) REQUIRE(pause >= std::chrono::seconds(2));
}

TEST_CASE("s3 faults: a silent server does not hold a call beyond its deadline",
          "[repository][s3][fault]") {
  World world;
  world.fixture.proxy.Spoil(Fault::kSilence, 1, 1'000'000);
  const auto begun = std::chrono::steady_clock::now();
  const auto result = world.store->Get("k", 1 << 20, begun + std::chrono::milliseconds(300));
  REQUIRE(result.Is(Errc::kDeadlineExceeded));
  REQUIRE(std::chrono::steady_clock::now() - begun < std::chrono::seconds(10));
}

TEST_CASE("s3 faults: a commit whose answer is lost is found, another's is not taken for it",
          "[repository][s3][fault]") {
  for (const size_t size : {1'000u, 6u << 20}) {
    CAPTURE(size);
    const std::string mine(size, 'm'), other(size, 'x');
    World world;
    world.fixture.proxy.Spoil(Fault::kDropReply, 1, 1, [&](const auto& request) {
      // What commits: the only PUT, or the completion.
      return size < 2'000 ||
             (request.method == "POST" && request.target.find("uploadId=") != std::string::npos);
    });
    REQUIRE(world.store->Put("m", mine, IfPresent::kFail, Later()).ok());
    REQUIRE(world.fixture.proxy.spoiled() == 1);
    world.fixture.proxy.Heal();
    REQUIRE((world.witness->Get("m", 8 << 20, Later()).value() == mine));
    world.fixture.proxy.Spoil(Fault::kDropReply);
    REQUIRE(world.store->Put("m", other, IfPresent::kFail, Later()).Is(Errc::kConflict));
    world.fixture.proxy.Heal();
    REQUIRE((world.witness->Get("m", 8 << 20, Later()).value() == mine));
  }
}

TEST_CASE("s3 faults: a server whose ETags are something else is learnt",
          "[repository][s3][fault]") {
  World world;
  world.fixture.proxy.Spoil(Fault::kWrongEtag, 1, 1'000'000);
  REQUIRE(world.store->Put("k", kNew, IfPresent::kReplace, Later()).ok());
  world.fixture.proxy.Reset();
  REQUIRE(world.store->Put("k", kNew, IfPresent::kReplace, Later()).ok());
  REQUIRE((world.store->Get("k", 1 << 20, Later()).value() == kNew));
  REQUIRE(world.fixture.proxy.requests().size() == 2);
}

TEST_CASE("s3 faults: every object store rule holds while every seventh request fails",
          "[repository][s3][fault]") {
  test::S3Fixture fixture;
  S3Options options = fixture.Options();
  options.retry.attempts_max = 8;
  fixture.proxy.SpoilBy([](const test::FaultProxy::Request&, int number) {
    static constexpr Fault kQuick[] = {Fault::kStatus500,  Fault::kSlowDown,  Fault::kResetRequest,
                                       Fault::kResetReply, Fault::kDropReply, Fault::kErrorBody,
                                       Fault::kTruncate,   Fault::kHtml};
    return number % 7 == 0 ? kQuick[static_cast<size_t>(number / 7) % std::size(kQuick)]
                           : Fault::kNone;
  });
  test::CheckObjectStore([&] { return fixture.Make(options); });
}
