// Certificates for tests of what speaks TLS: valid for an hour around the real time, because
// OpenSSL asks no clock of ours. Threads: pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lib/crypto/certificate.h"

namespace pannier::test {

inline crypto::Validity AroundNow() {
  const WallTime now = SystemClock().Now();
  return {now - std::chrono::hours(1), now + std::chrono::hours(1)};
}

inline crypto::Validity LongOver() {
  const WallTime now = SystemClock().Now();
  return {now - std::chrono::hours(2), now - std::chrono::hours(1)};
}

inline crypto::KeyedCertificate TestAuthority(const std::string& name = "test authority") {
  return crypto::MakeAuthority(name, {LongOver().from, AroundNow().until}).value();
}

// For a server that answers at 127.0.0.1 and is called `name`.
inline crypto::KeyedCertificate ServerCertificate(const crypto::KeyedCertificate& authority,
                                                  const std::string& name = "server.test",
                                                  crypto::Validity validity = AroundNow()) {
  crypto::LeafRequest request;
  request.common_name = name;
  request.dns_names = {name};
  request.ip_addresses = {"127.0.0.1"};
  request.validity = validity;
  return crypto::MakeLeaf(authority, request).value();
}

inline crypto::KeyedCertificate ClientCertificate(const crypto::KeyedCertificate& authority,
                                                  const std::string& name = "client.test",
                                                  crypto::Validity validity = AroundNow()) {
  crypto::LeafRequest request;
  request.common_name = name;
  request.dns_names = {name};
  request.for_servers = false;
  request.for_clients = true;
  request.validity = validity;
  return crypto::MakeLeaf(authority, request).value();
}

}  // namespace pannier::test
