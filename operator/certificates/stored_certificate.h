// What everybody asks who keeps certificates in a Secret: whether a pair is whole, what it is for,
// and when to replace it. Threads: pure functions; any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/crypto/certificate.h"

namespace pannier::control {

using SecretData = std::map<std::string, std::string>;  // of a Secret, decoded

// The text under `key`; nothing when it is absent or empty.
std::optional<std::string> TakeText(const SecretData& data, const std::string& key);
// A certificate and its private key; nothing when one is missing or they do not fit.
std::optional<crypto::KeyedCertificate> TakePair(const SecretData& data,
                                                 const std::string& certificate,
                                                 const std::string& key);

// Of what is no certificate: one that has always been over.
crypto::Validity ValidityOf(const std::string& pem);
// When two thirds of its life are over.
WallTime RenewAt(const std::string& pem);
// Whether it is made out to all of these DNS names.
bool HasNames(const std::string& pem, const std::vector<std::string>& names);

}  // namespace pannier::control
