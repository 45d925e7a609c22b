#include "lib/file/checksum.h"

// Inlined, which is several times faster for the short pieces that a record is made of.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pannier::file {

struct Checksummer::State {
  XXH3_state_t xxh3;
};

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }
uint64_t Checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

Checksummer::Checksummer() : state_(std::make_unique<State>()) { Reset(); }
Checksummer::~Checksummer() = default;
Checksummer::Checksummer(Checksummer&&) noexcept = default;
Checksummer& Checksummer::operator=(Checksummer&&) noexcept = default;

void Checksummer::Update(std::string_view bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}
void Checksummer::Update(std::span<const std::byte> bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}
uint64_t Checksummer::Digest() const { return XXH3_64bits_digest(&state_->xxh3); }
void Checksummer::Reset() { XXH3_64bits_reset(&state_->xxh3); }

}  // namespace pannier::file
