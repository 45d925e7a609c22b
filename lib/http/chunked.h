// Takes the chunked transfer coding off a body, in place and as bytes arrive.
// Threads: a value; one at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/http/head.h"

namespace pannier::http {

class ChunkDecoder {
 public:
  // Reads coded bytes at `data + from` up to `data + size` and writes the plain ones at `data + to`
  // (to <= from). Afterwards `to` is behind the last plain byte and `from` behind the last coded
  // byte read: all of them, or the end of the body.
  // Refused: sizes that are not 1 to 16 hexadecimal digits, anything but CR LF at an end, more than
  // `plain_max` plain bytes (413), more than `extra_max` bytes of extensions and trailers (431).
  Fault Decode(char* data, size_t size, size_t* from, size_t* to, uint64_t plain_max,
               uint64_t extra_max);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State : uint8_t {
    kSize,         // digits of a chunk's size
    kExtension,    // behind them, up to CR
    kSizeEnd,      // the LF of a size line
    kData,         // a chunk's bytes
    kDataReturn,   // CR behind them
    kDataFeed,     // LF behind it
    kTrailer,      // the first byte of a trailer line, or of the last line
    kTrailerText,  // the rest of one
    kTrailerEnd,   // the LF of one
    kLastFeed,     // the LF of the last, empty line
    kDone,
  };
  Fault Step(char c);
  Fault StepSize(char c);
  Fault StepText(char c, State at_return);

  State state_ = State::kSize;
  uint8_t digits_ = 0;
  uint64_t chunk_left_ = 0;
  uint64_t plain_ = 0;
  uint64_t extra_ = 0;
};

}  // namespace pannier::http
