// Goal: at any time, what the webhook shows is trusted by what was published before, whoever of the
// replicas acts, however its Secret was damaged. Method: a Secret in memory, a clock turned by hand
// through years, and the certificates checked as the API server would.
#include "operator/webhook/certificates.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"

namespace pannier::control {
namespace {

using namespace std::chrono_literals;

class MemorySecrets final : public SecretStore {
 public:
  Result<Secret> Read() override {
    if (fails) return Unavailable("the API server is away");
    return secret;
  }
  Status Write(const SecretData& data, const std::string& version) override {
    if (conflicts > 0) {
      --conflicts;
      return Conflict("the object has been modified");
    }
    if (version != secret.version) return Conflict("the object has been modified");
    secret = {data, std::to_string(++writes)};
    return {};
  }
  Status PublishBundle(const std::string& bundle_pem) override {
    if (bundle_fails) return Unavailable("no");
    bundle = bundle_pem;
    return {};
  }

  Secret secret;
  std::string bundle;
  int writes = 0;
  int conflicts = 0;
  bool fails = false, bundle_fails = false;
};

struct Replica {
  explicit Replica(MemorySecrets& secrets, const Clock& clock)
      : keeper(secrets, Rules(), clock, [this](const http::TlsMaterial& material) {
          shown = material;
          return Status();
        }) {}
  static CertificateRules Rules() {
    CertificateRules rules;
    rules.dns_names = {"webhook.ns.svc", "webhook.ns.svc.cluster.local"};
    return rules;
  }

  http::TlsMaterial shown;
  CertificateKeeper keeper;
};

bool Trusts(const std::string& bundle, const Replica& replica, WallTime now) {
  return crypto::CheckIssued(replica.shown.certificate_pem, bundle, now).ok();
}

TEST_CASE("webhook certificates: from nothing, one call makes all of them", "[operator][webhook]") {
  MemorySecrets secrets;
  test::FakeClock clock;
  Replica replica(secrets, clock);
  const WallTime next = replica.keeper.Tend().value();
  REQUIRE(next > clock.Now() + 24h);
  REQUIRE(secrets.writes == 1);
  REQUIRE(Trusts(secrets.bundle, replica, clock.Now()));
  const auto facts = crypto::ReadCertificate(replica.shown.certificate_pem).value();
  REQUIRE(facts.dns_names == Replica::Rules().dns_names);
  // Nothing is due: nothing is written.
  REQUIRE(replica.keeper.Tend().value() == next);
  REQUIRE(secrets.writes == 1);
}

TEST_CASE("webhook certificates: through three years, two replicas are trusted all the time",
          "[operator][webhook]") {
  MemorySecrets secrets;
  test::FakeClock clock;
  Replica busy(secrets, clock), lazy(secrets, clock);
  WallTime due = busy.keeper.Tend().value();
  REQUIRE(lazy.keeper.Tend().ok());
  std::string known = secrets.bundle;  // what the API server trusts: a few minutes behind
  int authorities = 0;
  std::string authority = secrets.secret.data["ca.crt"];
  const WallTime end = clock.Now() + 24h * 365 * 3;
  for (int round = 0; clock.Now() < end; ++round) {
    CAPTURE(round);
    // One looks when it is due, to the minute, as the operator does; the other every few days.
    const WallTime next = std::min(clock.Now() + 96h, std::max(due, clock.Now() + 1min));
    clock.Advance(next - clock.Now());
    if (clock.Now() >= due) due = busy.keeper.Tend().value();
    // Its certificate is new, the API server's knowledge is not.
    REQUIRE(Trusts(known, busy, clock.Now()));
    if (round % 2 == 0) REQUIRE(lazy.keeper.Tend().ok());
    REQUIRE(Trusts(known, lazy, clock.Now()));
    known = secrets.bundle;
    REQUIRE(Trusts(known, busy, clock.Now()));
    REQUIRE(Trusts(known, lazy, clock.Now()));
    if (secrets.secret.data["ca.crt"] != authority) ++authorities;
    authority = secrets.secret.data["ca.crt"];
  }
  REQUIRE(authorities >= 3);
  REQUIRE(secrets.writes < 60);
}

TEST_CASE("webhook certificates: a new authority is published before it signs",
          "[operator][webhook]") {
  MemorySecrets secrets;
  test::FakeClock clock;
  Replica replica(secrets, clock);
  REQUIRE(replica.keeper.Tend().ok());
  const std::string old_authority = secrets.secret.data["ca.crt"];
  clock.Advance(24h * 244);
  REQUIRE(replica.keeper.Tend().ok());
  REQUIRE(secrets.secret.data.contains("next-ca.crt"));
  REQUIRE(secrets.bundle == old_authority + secrets.secret.data["next-ca.crt"]);
  REQUIRE(crypto::CheckIssued(replica.shown.certificate_pem, old_authority, clock.Now()).ok());
  const std::string next_authority = secrets.secret.data["next-ca.crt"];
  clock.Advance(5min);
  REQUIRE(replica.keeper.Tend().ok());
  REQUIRE(secrets.secret.data["ca.crt"] == old_authority);
  clock.Advance(6min);
  REQUIRE(replica.keeper.Tend().ok());
  REQUIRE(secrets.secret.data["ca.crt"] == next_authority);
  REQUIRE_FALSE(secrets.secret.data.contains("next-ca.crt"));
  // Who still shows the old one's certificate is trusted on.
  REQUIRE(secrets.bundle == next_authority + old_authority);
  REQUIRE(crypto::CheckIssued(replica.shown.certificate_pem, next_authority, clock.Now()).ok());
}

TEST_CASE("webhook certificates: after a long sleep everything is made anew",
          "[operator][webhook]") {
  MemorySecrets secrets;
  test::FakeClock clock;
  Replica replica(secrets, clock);
  REQUIRE(replica.keeper.Tend().ok());
  clock.Advance(24h * 800);
  REQUIRE(replica.keeper.Tend().ok());
  REQUIRE(Trusts(secrets.bundle, replica, clock.Now()));
}

TEST_CASE("webhook certificates: other names are signed at once", "[operator][webhook]") {
  MemorySecrets secrets;
  test::FakeClock clock;
  Replica replica(secrets, clock);
  REQUIRE(replica.keeper.Tend().ok());
  CertificateRules rules = Replica::Rules();
  rules.dns_names.push_back("webhook.other.svc");
  http::TlsMaterial shown;
  CertificateKeeper keeper(secrets, rules, clock, [&](const http::TlsMaterial& material) {
    shown = material;
    return Status();
  });
  REQUIRE(keeper.Tend().ok());
  REQUIRE(crypto::ReadCertificate(shown.certificate_pem)->dns_names == rules.dns_names);
}

TEST_CASE("webhook certificates: a damaged Secret is replaced", "[operator][webhook]") {
  for (const char* key : {"ca.crt", "ca.key", "tls.crt", "tls.key"}) {
    for (const char* value : {"", "nonsense"}) {
      CAPTURE(key, value);
      MemorySecrets secrets;
      test::FakeClock clock;
      Replica replica(secrets, clock);
      REQUIRE(replica.keeper.Tend().ok());
      secrets.secret.data[key] = value;
      REQUIRE(replica.keeper.Tend().ok());
      REQUIRE(Trusts(secrets.bundle, replica, clock.Now()));
      REQUIRE(FromSecret(secrets.secret.data).has_value());
    }
  }
}

TEST_CASE("webhook certificates: of replicas that start together one makes them",
          "[operator][webhook]") {
  MemorySecrets secrets;
  test::FakeClock clock;
  Replica one(secrets, clock), two(secrets, clock);
  secrets.conflicts = 1;
  REQUIRE(one.keeper.Tend().ok());
  REQUIRE(two.keeper.Tend().ok());
  REQUIRE(secrets.writes == 1);
  REQUIRE(one.shown == two.shown);
  secrets.conflicts = 100;
  clock.Advance(24h * 800);
  REQUIRE(one.keeper.Tend().Is(Errc::kConflict));
}

TEST_CASE("webhook certificates: while the API server is away, what was loaded stays",
          "[operator][webhook]") {
  MemorySecrets secrets;
  test::FakeClock clock;
  Replica replica(secrets, clock);
  secrets.bundle_fails = true;
  REQUIRE(replica.keeper.Tend().Is(Errc::kUnavailable));
  REQUIRE(replica.shown.certificate_pem.empty());  // trusted before shown
  secrets.bundle_fails = false;
  REQUIRE(replica.keeper.Tend().ok());
  const http::TlsMaterial before = replica.shown;
  secrets.fails = true;
  REQUIRE(replica.keeper.Tend().Is(Errc::kUnavailable));
  REQUIRE(replica.shown == before);
}

}  // namespace
}  // namespace pannier::control
