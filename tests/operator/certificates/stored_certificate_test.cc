// Goal: what is damaged, cut or mixed up in a Secret is none. Method: pairs spoiled one by one.
#include "operator/certificates/stored_certificate.h"

#include <catch2/catch.hpp>

#include "tests/support/certificates.h"

namespace pannier::control {
namespace {

TEST_CASE("stored certificate: a pair is a certificate and its own key", "[operator]") {
  const crypto::KeyedCertificate one = test::TestAuthority(), other = test::TestAuthority();
  SecretData data = {{"tls.crt", one.certificate_pem}, {"tls.key", one.key_pem}};
  REQUIRE(TakePair(data, "tls.crt", "tls.key")->key_pem == one.key_pem);
  REQUIRE(!TakePair(data, "tls.crt", "ca.key"));
  data["tls.key"] = other.key_pem;
  REQUIRE(!TakePair(data, "tls.crt", "tls.key"));
  data["tls.key"] = "";
  REQUIRE(!TakePair(data, "tls.crt", "tls.key"));
  REQUIRE(!TakeText(data, "tls.key"));
}

TEST_CASE("stored certificate: it is renewed after two thirds, and at once when it is none",
          "[operator]") {
  const WallTime from(std::chrono::hours(24 * 20'000)), until = from + std::chrono::hours(90);
  const crypto::KeyedCertificate leaf =
      test::ServerCertificate(test::TestAuthority(), "a.test", {from, until});
  REQUIRE(RenewAt(leaf.certificate_pem) == from + std::chrono::hours(60));
  REQUIRE(RenewAt("nonsense") == WallTime());
  REQUIRE(HasNames(leaf.certificate_pem, {"a.test"}));
  REQUIRE(!HasNames(leaf.certificate_pem, {"a.test", "b.test"}));
  REQUIRE(!HasNames("nonsense", {}));
}

}  // namespace
}  // namespace pannier::control
