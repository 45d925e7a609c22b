// The 64-bit checksum of records, cache blocks and files: XXH3 with seed 0. It finds damage, not
// forgery; where an adversary matters, SHA-256 is used. The value of given bytes never changes, for
// it is stored on disk (docs/formats). Threads: functions any; a Checksummer one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace pannier::file {

uint64_t Checksum(std::string_view bytes);
uint64_t Checksum(std::span<const std::byte> bytes);

// The same value over bytes that come in pieces; how they are cut makes no difference.
class Checksummer {
 public:
  Checksummer();
  ~Checksummer();
  Checksummer(Checksummer&&) noexcept;
  Checksummer& operator=(Checksummer&&) noexcept;

  void Update(std::string_view bytes);
  void Update(std::span<const std::byte> bytes);
  // Of all bytes since construction or Reset(); more may follow.
  uint64_t Digest() const;
  void Reset();

 private:
  struct State;  // the library's, 576 bytes
  std::unique_ptr<State> state_;
};

}  // namespace pannier::file
