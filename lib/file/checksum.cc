#include "lib/file/checksum.h"

#include "lib/file/checksum_avx2.h"

// Inlined, which is several times faster for the short pieces that a record is made of.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pannier::file {

struct Checksummer::State {
  XXH3_state_t xxh3;
};

namespace {

// Below this XXH3 does not use wide registers; records stay inlined.
constexpr size_t kLong = 1024;

uint64_t Of(const void* bytes, size_t count) {
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (count >= kLong && has_avx2) return internal::ChecksumAvx2(bytes, count);
#endif
  return XXH3_64bits(bytes, count);
}

}  // namespace

uint64_t Checksum(std::string_view bytes) { return Of(bytes.data(), bytes.size()); }
uint64_t Checksum(std::span<const std::byte> bytes) { return Of(bytes.data(), bytes.size()); }

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
