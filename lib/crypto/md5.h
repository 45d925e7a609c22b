// MD5, for one purpose: S3 names it in ETags, so that bytes damaged on the way are noticed. It
// proves nothing against an adversary. Threads: a pure function.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pannier::crypto {

using Md5Digest = std::array<uint8_t, 16>;

// Nothing where the machine's policy (FIPS) has no MD5.
std::optional<Md5Digest> Md5(std::string_view bytes);

}  // namespace pannier::crypto
