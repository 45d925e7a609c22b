// SHA-256 (FIPS 180-4) of short texts: tokens. OpenSSL belongs to lib/http; for a digest of forty
// bytes per request its own seventy lines are less to carry than the dependency.
// Threads: a pure function.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pannier::service {

using Sha256Digest = std::array<uint8_t, 32>;

Sha256Digest Sha256(std::string_view text);

}  // namespace pannier::service
