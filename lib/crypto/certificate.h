// X.509 certificates of our own: a small authority and what it signs (EC P-256, SHA-256, random
// serials), for admission servers, the admin doors of daemons, and tests. Not a general PKI: no
// intermediates, no revocation; certificates are short-lived and replaced. Times are arguments, so
// that the caller's clock decides. Threads: pure functions; any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"

namespace pannier::crypto {

// A certificate and its private key (PKCS#8), as PEM.
struct KeyedCertificate {
  std::string certificate_pem;
  std::string key_pem;
};

// From and until when; whole seconds count.
struct Validity {
  WallTime from;
  WallTime until;
};

// What a certificate says about itself.
struct CertificateFacts {
  std::string common_name;
  std::string serial;  // upper-case hex
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  std::vector<std::string> uris;
  Validity validity;
  bool is_authority = false;
};

struct LeafRequest {
  std::string common_name;  // at most 64 bytes
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  std::vector<std::string> uris;
  bool for_servers = true;
  bool for_clients = false;
  Validity validity;
};

// A self-signed authority that signs leaves and nothing below it.
//   kInvalidArgument  a name or a time that X.509 cannot hold
Result<KeyedCertificate> MakeAuthority(const std::string& common_name, const Validity& validity);

// A leaf with a fresh key, signed by `authority`.
//   kInvalidArgument  a name, an address or a time is wrong; or `authority` is not PEM, or its key
//                     is another's
Result<KeyedCertificate> MakeLeaf(const KeyedCertificate& authority, const LeafRequest& request);

// The first certificate of `pem`.
//   kInvalidArgument  there is none that can be read
Result<CertificateFacts> ReadCertificate(std::string_view pem);

// Whether the key belongs to the (first) certificate.
//   kInvalidArgument  it does not, or one of them cannot be read
Status CheckPair(const KeyedCertificate& pair);

// Whether the first certificate of `pem` is signed by one of `authorities_pem` and valid at `at`.
//   kInvalidArgument  it is not; the text says why
Status CheckIssued(std::string_view pem, std::string_view authorities_pem, WallTime at);

}  // namespace pannier::crypto
