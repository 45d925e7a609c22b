// Goal: there is one admin authority, and each VectorStore's daemons have a certificate of it that
// is renewed in time; nobody else's Secret is touched.
// Method: the API in memory and a clock that is turned.
#include "operator/reconcile/admin_trust.h"

#include <catch2/catch.hpp>

#include "lib/crypto/certificate.h"
#include "tests/operator/reconcile/bench.h"

namespace pannier::test {
namespace {

using namespace control;
using std::chrono::hours;

VectorStore Store(const std::string& uid) {
  VectorStore store;
  store.meta.name = "notes";
  store.meta.name_space = "team";
  store.meta.uid = uid;
  return store;
}

SecretValues SecretOf(Bench& bench) {
  return DecodeSecret(bench.Get(kube::kSecrets, AdminSecretOf("notes")));
}

}  // namespace

TEST_CASE("admin trust: the authority is made once, and everybody reads the same",
          "[operator][reconcile]") {
  Bench bench;
  AdminTrust first(bench.api, bench.clock, {"ours", "admin"});
  AdminTrust second(bench.api, bench.clock, {"ours", "admin"});
  const auto made = first.Current().value();
  REQUIRE(second.Current().value()->authority.certificate_pem == made->authority.certificate_pem);
  const int64_t writes = bench.api.writes();
  REQUIRE(first.Current().value() == made);
  REQUIRE(bench.api.writes() == writes);
}

TEST_CASE("admin trust: who may not write has none where there is none", "[operator][reconcile]") {
  Bench bench;
  bench.epoch.reset();
  AdminTrust trust(bench.guarded, bench.clock, {"ours", "admin"});
  REQUIRE(trust.Current().Is(Errc::kUnavailable));
}

TEST_CASE("admin trust: a VectorStore's Secret is its own, and is renewed",
          "[operator][reconcile]") {
  Bench bench;
  AdminTrust trust(bench.api, bench.clock, {"ours", "admin"});
  const VectorStore store = Store("uid-1");
  REQUIRE(trust.KeepSecretOf(store).ok());
  const Json object = bench.Get(kube::kSecrets, AdminSecretOf("notes"));
  REQUIRE(object["metadata"]["ownerReferences"][0]["uid"] == "uid-1");
  const SecretValues before = SecretOf(bench);
  const auto authority = trust.Current().value();
  REQUIRE(crypto::CheckIssued(before.at("tls.crt"), authority->authority.certificate_pem,
                              bench.clock.Now())
              .ok());
  REQUIRE(trust.KeepSecretOf(store).ok());
  REQUIRE(SecretOf(bench) == before);
  // Somebody removed it: it is there again after five minutes.
  REQUIRE(bench.api.Delete(kube::kSecrets, {"team", AdminSecretOf("notes")}, {}).ok());
  bench.clock.Advance(std::chrono::minutes(6));
  REQUIRE(trust.KeepSecretOf(store).ok());
  REQUIRE(bench.Has(kube::kSecrets, AdminSecretOf("notes")));
  // After two thirds of ninety days.
  const SecretValues again = SecretOf(bench);
  bench.clock.Advance(hours(24 * 61));
  REQUIRE(trust.KeepSecretOf(store).ok());
  REQUIRE(SecretOf(bench).at("tls.crt") != again.at("tls.crt"));
}

TEST_CASE("admin trust: a Secret of somebody else is left alone", "[operator][reconcile]") {
  Bench bench;
  bench.CreateSecret(AdminSecretOf("notes"), {{"password", "theirs"}});
  AdminTrust trust(bench.api, bench.clock, {"ours", "admin"});
  REQUIRE(trust.KeepSecretOf(Store("uid-1")).Is(Errc::kPermissionDenied));
  REQUIRE(SecretOf(bench) == SecretValues{{"password", "theirs"}});
}

}  // namespace pannier::test
