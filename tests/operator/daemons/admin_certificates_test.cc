// Goal: operator and daemons can always prove themselves to each other, through renewals and wrong
// clocks; who was made anew under an old name is another. Method: a clock turned by hand, and
// certificates checked as TLS checks them.
#include "operator/daemons/admin_certificates.h"

#include <catch2/catch.hpp>

namespace pannier::control {
namespace {

using std::chrono::hours;

constexpr hours kDay(24);
const WallTime kStart(kDay * 20'000);
const std::string kName = AdminNameOf("0f0e4f0a-51a8-4c0e-9b8e-0d9d0c1b2a33");

AdminAuthority Made(const std::optional<AdminAuthority>& before, WallTime now) {
  WallTime again;
  auto made = RenewAuthority(before, now, &again).value();
  REQUIRE(made);
  REQUIRE(again > now);
  return *made;
}

TEST_CASE("admin certificates: client and daemons are signed by one authority", "[operator]") {
  const AdminAuthority authority = Made(std::nullopt, kStart);
  const std::string& ca = authority.authority.certificate_pem;
  REQUIRE(crypto::CheckIssued(authority.client.certificate_pem, ca, kStart).ok());
  REQUIRE(HasNames(authority.client.certificate_pem, {kOperatorAdminName}));
  WallTime again;
  const SecretData secret = *RenewDaemonSecret({}, authority, kName, kStart, &again).value();
  REQUIRE(secret.at("ca.crt") == ca);
  REQUIRE(secret.size() == 3);  // never the authority's key
  REQUIRE(crypto::CheckIssued(secret.at("tls.crt"), ca, kStart).ok());
  REQUIRE(HasNames(secret.at("tls.crt"), {kName}));
  REQUIRE(TakePair(secret, "tls.crt", "tls.key"));
  REQUIRE(again > kStart + 59 * kDay);
  REQUIRE(again < kStart + 61 * kDay);
  const http::ClientTls tls = ClientTlsOf(authority, kName);
  REQUIRE(tls.ca_pem == ca);
  REQUIRE(tls.key_pem == authority.client.key_pem);
  REQUIRE(tls.server_name == kName);
}

TEST_CASE("admin certificates: nothing is made anew before it is due, then the leaf alone",
          "[operator]") {
  const AdminAuthority first = Made(std::nullopt, kStart);
  WallTime again, daemon_again;
  REQUIRE(!RenewAuthority(first, kStart + 59 * kDay, &again).value());
  const AdminAuthority second = Made(first, again);
  REQUIRE(second.authority.certificate_pem == first.authority.certificate_pem);
  REQUIRE(second.client.certificate_pem != first.client.certificate_pem);

  const SecretData secret = *RenewDaemonSecret({}, first, kName, kStart, &daemon_again).value();
  REQUIRE(!RenewDaemonSecret(secret, second, kName, kStart + kDay, &again).value());
  REQUIRE(again == daemon_again);
  REQUIRE(RenewDaemonSecret(secret, second, kName, daemon_again, &again).value());
}

TEST_CASE("admin certificates: an authority near its end, or of a wrong clock, is replaced",
          "[operator]") {
  const AdminAuthority first = Made(std::nullopt, kStart);
  WallTime again;
  for (const WallTime now : {kStart + kDay * 3'600, kStart - kDay}) {
    const AdminAuthority next = Made(first, now);
    REQUIRE(next.authority.certificate_pem != first.authority.certificate_pem);
    const SecretData old = *RenewDaemonSecret({}, first, kName, kStart, &again).value();
    const SecretData after = *RenewDaemonSecret(old, next, kName, now, &again).value();
    REQUIRE(crypto::CheckIssued(after.at("tls.crt"), next.authority.certificate_pem, now).ok());
  }
  // Clocks that go a little behind do no harm.
  REQUIRE(!RenewAuthority(first, kStart - std::chrono::minutes(30), &again).value());
}

TEST_CASE("admin certificates: what is damaged or another's is made anew", "[operator]") {
  const AdminAuthority authority = Made(std::nullopt, kStart);
  WallTime again;
  const SecretData good = *RenewDaemonSecret({}, authority, kName, kStart, &again).value();
  const auto is_renewed = [&](const SecretData& data, const std::string& name) {
    return RenewDaemonSecret(data, authority, name, kStart, &again).value().has_value();
  };
  REQUIRE(!is_renewed(good, kName));
  REQUIRE(is_renewed(good, AdminNameOf("another-uid")));  // the VectorStore was made anew
  for (const char* key : {"ca.crt", "tls.crt", "tls.key"}) {
    CAPTURE(key);
    SecretData damaged = good;
    damaged[key] = "-----BEGIN NOTHING-----";
    REQUIRE(is_renewed(damaged, kName));
    damaged.erase(key);
    REQUIRE(is_renewed(damaged, kName));
  }
  REQUIRE(RenewDaemonSecret({}, authority, "no name", kStart, &again).Is(Errc::kInvalidArgument));

  SecretData data = ToSecret(authority);
  REQUIRE(AuthorityFromSecret(data)->client.key_pem == authority.client.key_pem);
  data["ca.key"] = authority.client.key_pem;
  REQUIRE(!AuthorityFromSecret(data));
}

TEST_CASE("admin certificates: names of Secrets fit, and differ for different stores",
          "[operator]") {
  REQUIRE(AdminSecretOf("docs") == "docs-pannier-admin");
  const std::string long_name(250, 'a');
  REQUIRE(AdminSecretOf(long_name).size() <= 253);
  REQUIRE(AdminSecretOf(long_name).ends_with("-pannier-admin"));
  REQUIRE(AdminSecretOf(long_name) != AdminSecretOf(long_name + "a"));
}

}  // namespace
}  // namespace pannier::control
