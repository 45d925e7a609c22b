// Goal: certificates say what they were asked to say, and are refused where they are not sound.
// Method: made, read back, and checked against each other at chosen times.
#include "lib/crypto/certificate.h"

#include <catch2/catch.hpp>
#include <set>

#include "lib/core/time_text.h"

namespace pannier::crypto {
namespace {

using namespace std::chrono_literals;

const WallTime kNow = *ParseTime("2026-03-01T12:00:00Z");

KeyedCertificate Authority(const std::string& name = "ca") {
  return MakeAuthority(name, {kNow - 1h, kNow + 24h * 365}).value();
}

LeafRequest Request() {
  LeafRequest request;
  request.common_name = "webhook";
  request.dns_names = {"webhook.ns.svc", "*.example.org"};
  request.ip_addresses = {"10.1.2.3", "2001:db8::1"};
  request.uris = {"pannier://vectorstore/ns/docs"};
  request.validity = {kNow, kNow + 24h};
  return request;
}

TEST_CASE("certificate: a leaf says what it was asked to say", "[lib][crypto]") {
  const KeyedCertificate leaf = MakeLeaf(Authority(), Request()).value();
  const CertificateFacts facts = ReadCertificate(leaf.certificate_pem).value();
  REQUIRE(facts.common_name == "webhook");
  REQUIRE(facts.dns_names == Request().dns_names);
  REQUIRE(facts.ip_addresses == Request().ip_addresses);
  REQUIRE(facts.uris == Request().uris);
  REQUIRE(facts.validity.from == kNow);
  REQUIRE(facts.validity.until == kNow + 24h);
  REQUIRE_FALSE(facts.is_authority);
  REQUIRE(leaf.key_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
  REQUIRE(CheckPair(leaf).ok());
}

TEST_CASE("certificate: an authority says that it is one", "[lib][crypto]") {
  const CertificateFacts facts = ReadCertificate(Authority().certificate_pem).value();
  REQUIRE(facts.is_authority);
  REQUIRE(facts.common_name == "ca");
}

TEST_CASE("certificate: serials are long and never the same", "[lib][crypto]") {
  const KeyedCertificate authority = Authority();
  std::set<std::string> serials;
  for (int i = 0; i < 20; ++i) {
    const auto leaf = MakeLeaf(authority, Request()).value();
    const std::string serial = ReadCertificate(leaf.certificate_pem)->serial;
    REQUIRE(serial.size() == 32);
    REQUIRE(serials.insert(serial).second);
  }
}

TEST_CASE("certificate: a leaf is sound for its authority, within its time", "[lib][crypto]") {
  const KeyedCertificate authority = Authority(), other = Authority("other");
  const std::string leaf = MakeLeaf(authority, Request())->certificate_pem;
  REQUIRE(CheckIssued(leaf, authority.certificate_pem, kNow + 1h).ok());
  REQUIRE(CheckIssued(leaf, other.certificate_pem + authority.certificate_pem, kNow + 1h).ok());
  const Status early = CheckIssued(leaf, authority.certificate_pem, kNow - 10min);
  REQUIRE(early.error().what.find("not yet valid") != std::string::npos);
  const Status late = CheckIssued(leaf, authority.certificate_pem, kNow + 25h);
  REQUIRE(late.error().what.find("expired") != std::string::npos);
  REQUIRE(CheckIssued(leaf, other.certificate_pem, kNow + 1h).Is(Errc::kInvalidArgument));
}

TEST_CASE("certificate: an authority of the same name is not the same", "[lib][crypto]") {
  const std::string leaf = MakeLeaf(Authority(), Request())->certificate_pem;
  REQUIRE_FALSE(CheckIssued(leaf, Authority().certificate_pem, kNow + 1h).ok());
}

TEST_CASE("certificate: a key of another certificate is noticed", "[lib][crypto]") {
  const KeyedCertificate one = Authority(), two = Authority();
  REQUIRE(CheckPair({one.certificate_pem, two.key_pem}).Is(Errc::kInvalidArgument));
  REQUIRE(MakeLeaf({one.certificate_pem, two.key_pem}, Request()).Is(Errc::kInvalidArgument));
}

TEST_CASE("certificate: names and times that X.509 cannot hold are refused", "[lib][crypto]") {
  const KeyedCertificate authority = Authority();
  const auto refused = [&](auto change) {
    LeafRequest request = Request();
    change(request);
    return MakeLeaf(authority, request).Is(Errc::kInvalidArgument);
  };
  REQUIRE(refused([](LeafRequest& r) { r.common_name = ""; }));
  REQUIRE(refused([](LeafRequest& r) { r.common_name = std::string(65, 'x'); }));
  REQUIRE(refused([](LeafRequest& r) { r.dns_names = {""}; }));
  REQUIRE(refused([](LeafRequest& r) { r.dns_names = {"a b"}; }));
  REQUIRE(refused([](LeafRequest& r) { r.dns_names = {std::string(300, 'a')}; }));
  REQUIRE(refused([](LeafRequest& r) { r.ip_addresses = {"300.1.1.1"}; }));
  REQUIRE(refused([](LeafRequest& r) { r.validity.until = r.validity.from; }));
}

TEST_CASE("certificate: what is no PEM is refused and said to be so", "[lib][crypto]") {
  for (const char* text :
       {"", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    CAPTURE(text);
    REQUIRE(ReadCertificate(text).Is(Errc::kInvalidArgument));
  }
  const std::string whole = Authority().certificate_pem;
  REQUIRE(ReadCertificate(whole.substr(0, whole.size() / 2)).Is(Errc::kInvalidArgument));
  REQUIRE(ReadCertificate(std::string(2 << 20, 'x')).Is(Errc::kInvalidArgument));
  const Status status = CheckPair({whole, "secret"});
  REQUIRE(status.Is(Errc::kInvalidArgument));
  REQUIRE(status.error().what.find("secret") == std::string::npos);
}

}  // namespace
}  // namespace pannier::crypto
