#include "operator/certificates/stored_certificate.h"

#include <algorithm>

namespace pannier::control {

std::optional<std::string> TakeText(const SecretData& data, const std::string& key) {
  const auto found = data.find(key);
  if (found == data.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::optional<crypto::KeyedCertificate> TakePair(const SecretData& data,
                                                 const std::string& certificate,
                                                 const std::string& key) {
  const auto first = TakeText(data, certificate), second = TakeText(data, key);
  if (!first || !second) return std::nullopt;
  crypto::KeyedCertificate pair{*first, *second};
  if (!crypto::CheckPair(pair).ok()) return std::nullopt;
  return pair;
}

crypto::Validity ValidityOf(const std::string& pem) {
  const Result<crypto::CertificateFacts> facts = crypto::ReadCertificate(pem);
  return facts.ok() ? facts->validity : crypto::Validity{};
}

WallTime RenewAt(const std::string& pem) {
  const crypto::Validity validity = ValidityOf(pem);
  return validity.from + (validity.until - validity.from) / 3 * 2;
}

bool HasNames(const std::string& pem, const std::vector<std::string>& names) {
  const Result<crypto::CertificateFacts> facts = crypto::ReadCertificate(pem);
  if (!facts.ok()) return false;
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::find(facts->dns_names.begin(), facts->dns_names.end(), name) !=
           facts->dns_names.end();
  });
}

}  // namespace pannier::control
