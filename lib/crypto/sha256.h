// SHA-256 and HMAC-SHA-256 by OpenSSL: names of chunks, digests of tokens, signatures of requests.
// Where no adversary matters, lib/file/checksum.h is twenty times faster. Threads: functions any; a
// Sha256Stream one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pannier::crypto {

using Digest = std::array<uint8_t, 32>;

// More than 64 KiB are hashed by background work: in pieces that let requests pass
// (lib/core/background_turn.h).
Digest Sha256(std::string_view bytes);
Digest HmacSha256(std::string_view key, std::string_view bytes);
// Lower-case hexadecimal, 64 digits.
std::string ToHex(const Digest& digest);

// The same digest over bytes that come in pieces.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;

  void Update(std::string_view bytes);
  // Of everything so far; begins anew.
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pannier::crypto
