// The layout of SQLite's write-ahead log, as its file format documentation gives it: a header, then
// frames of a header and a page each. A frame counts when its salts are the header's and its
// checksum continues the chain from the header on; a frame with a commit mark ends a transaction.
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace pannier::store {

inline constexpr uint64_t kLogHeaderBytes = 32;
inline constexpr uint64_t kFrameHeaderBytes = 24;

struct LogSum {
  uint32_t first = 0, second = 0;
  bool operator==(const LogSum&) const = default;
};

struct LogHeader {
  uint32_t page_bytes = 0;
  bool big_endian_sums = false;
  uint64_t salts = 0;
  LogSum sum;          // as stored
  bool valid = false;  // magic, version, page size and checksum are right
  // It is the header that was there, but for the number of times that the log was begun: half of
  // the next header has been written over it. Everything in the log is in the file by then.
  bool is_half_next = false;
};

struct FrameHeader {
  uint32_t page = 0;
  uint32_t pages_after = 0;  // of the file once this transaction is in it; 0: no commit mark
  uint64_t salts = 0;
  LogSum sum;
};

// Reads what is there, also when `valid` is false.
LogHeader ParseLogHeader(std::span<const char> bytes);
FrameHeader ParseFrameHeader(std::span<const char> bytes);
// Continues the chain over a whole frame (header and page).
LogSum SumOfFrame(LogSum before, std::span<const char> frame, bool big_endian_sums);

// The frame (from 0) that lies at `offset`, where one begins there.
inline uint64_t FrameOffset(uint64_t frame, uint32_t page_bytes) {
  return kLogHeaderBytes + frame * (kFrameHeaderBytes + page_bytes);
}

}  // namespace pannier::store
