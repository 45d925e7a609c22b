// The checksum that guards a page of a database file: the last 8 bytes of the page, which SQLite
// leaves alone (its "reserved space"; byte 20 of page 1 says how long that is). Bound to the
// page's number, so that a page in another's place is found as well. docs/formats/store.md.
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pannier::store {

inline constexpr size_t kPageChecksumBytes = 8;

// What byte 16 to 20 of page 1 say of a file.
struct PageShape {
  uint32_t bytes = 0;     // of a page; 0: the field makes no sense
  uint32_t reserved = 0;  // of these, at the end, not SQLite's
  bool is_guarded() const { return bytes != 0 && reserved == kPageChecksumBytes; }
};
// `header`: the first 24 bytes of a file, or more.
PageShape ShapeOf(std::span<const std::byte> header);

// Writes the checksum of the rest into the last bytes of `page`. Pages count from 1.
void SealPage(uint32_t number, std::span<std::byte> page);
bool IsSealed(uint32_t number, std::span<const std::byte> page);
// The number up to `pages` that this page is sealed for; 0: none. Says whether a page that is not
// sealed for its own place is another's, written where it does not belong.
uint32_t SealedFor(std::span<const std::byte> page, uint32_t pages);
// Whether a page 1 that says that it has no checksum has one: its byte 20 is damaged then.
bool IsSealedButForShape(std::span<const std::byte> first_page);

}  // namespace pannier::store
