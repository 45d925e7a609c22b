#include "operator/daemons/admin_certificates.h"

#include <algorithm>

#include "operator/resource/names.h"

namespace pannier::control {
namespace {

constexpr const char* kSecretSuffix = "-pannier-admin";
constexpr size_t kSecretNameMax = 253;  // of a DNS subdomain
constexpr std::chrono::hours kAuthorityLife(24 * 3652);
constexpr std::chrono::hours kLeafLife(24 * 90);
constexpr std::chrono::hours kSkew(1);  // clocks that go behind ours

Result<crypto::KeyedCertificate> NewLeaf(const crypto::KeyedCertificate& authority,
                                         const std::string& name, bool of_operator, WallTime now) {
  crypto::LeafRequest request;
  request.common_name = of_operator ? "pannier-operator" : "pannierd";
  request.dns_names = {name};
  request.for_servers = !of_operator;
  request.for_clients = of_operator;
  request.validity = {now - kSkew,
                      std::min(now + kLeafLife, ValidityOf(authority.certificate_pem).until)};
  return crypto::MakeLeaf(authority, request);
}

bool IsGood(const crypto::KeyedCertificate& leaf, const crypto::KeyedCertificate& authority,
            const std::string& name, WallTime now) {
  const std::string& pem = leaf.certificate_pem;
  return crypto::CheckPair(leaf).ok() &&
         crypto::CheckIssued(pem, authority.certificate_pem, now).ok() && HasNames(pem, {name}) &&
         now < RenewAt(pem);
}

// Whether what it signs now would live as long as it should, for others too: an authority from a
// clock that went far ahead is none.
bool IsGoodAuthority(const crypto::KeyedCertificate& authority, WallTime now) {
  const crypto::Validity validity = ValidityOf(authority.certificate_pem);
  return crypto::CheckPair(authority).ok() && validity.from <= now &&
         now + kLeafLife < validity.until;
}

}  // namespace

std::string AdminNameOf(const std::string& vector_store_uid) {
  return vector_store_uid + ".vectorstore.pannier.dev";
}

std::string AdminSecretOf(const std::string& vector_store_name) {
  std::string name = vector_store_name + kSecretSuffix;
  if (name.size() <= kSecretNameMax) return name;
  return HashedName(vector_store_name, {vector_store_name}) + kSecretSuffix;
}

SecretData ToSecret(const AdminAuthority& authority) {
  return {{"ca.crt", authority.authority.certificate_pem},
          {"ca.key", authority.authority.key_pem},
          {"tls.crt", authority.client.certificate_pem},
          {"tls.key", authority.client.key_pem}};
}

std::optional<AdminAuthority> AuthorityFromSecret(const SecretData& data) {
  const auto authority = TakePair(data, "ca.crt", "ca.key");
  const auto client = TakePair(data, "tls.crt", "tls.key");
  if (!authority || !client) return std::nullopt;
  return AdminAuthority{*authority, *client};
}

Result<std::optional<AdminAuthority>> RenewAuthority(const std::optional<AdminAuthority>& before,
                                                     WallTime now, WallTime* look_again) {
  AdminAuthority after = before.value_or(AdminAuthority());
  const bool keep = before && IsGoodAuthority(before->authority, now);
  *look_again = now;
  if (keep && IsGood(before->client, before->authority, kOperatorAdminName, now)) {
    *look_again = RenewAt(before->client.certificate_pem);
    return std::optional<AdminAuthority>();
  }
  if (!keep) {
    after.authority =
        TRY(crypto::MakeAuthority("pannier-admin-authority", {now - kSkew, now + kAuthorityLife}));
  }
  after.client = TRY(NewLeaf(after.authority, kOperatorAdminName, /*of_operator=*/true, now));
  *look_again = RenewAt(after.client.certificate_pem);
  return std::optional<AdminAuthority>(std::move(after));
}

Result<std::optional<SecretData>> RenewDaemonSecret(const SecretData& before,
                                                    const AdminAuthority& authority,
                                                    const std::string& admin_name, WallTime now,
                                                    WallTime* look_again) {
  const std::string& ca = authority.authority.certificate_pem;
  const auto leaf = TakePair(before, "tls.crt", "tls.key");
  if (leaf && TakeText(before, "ca.crt") == ca &&
      IsGood(*leaf, authority.authority, admin_name, now)) {
    *look_again = RenewAt(leaf->certificate_pem);
    return std::optional<SecretData>();
  }
  const crypto::KeyedCertificate made =
      TRY(NewLeaf(authority.authority, admin_name, /*of_operator=*/false, now)
              .Context("the certificate of " + admin_name));
  *look_again = RenewAt(made.certificate_pem);
  return std::optional<SecretData>(
      SecretData{{"ca.crt", ca}, {"tls.crt", made.certificate_pem}, {"tls.key", made.key_pem}});
}

http::ClientTls ClientTlsOf(const AdminAuthority& authority, const std::string& server_name) {
  return {authority.authority.certificate_pem, authority.client.certificate_pem,
          authority.client.key_pem, server_name};
}

}  // namespace pannier::control
