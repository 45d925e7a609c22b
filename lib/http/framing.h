// Finds where one request ends in the bytes of a connection, as they arrive.
//
//   buffer:  [head][body, plain][bytes not yet looked at, or of the next request]
//
// A chunked body is decoded in place, so that a complete request always lies as above.
// Threads: a value; one at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/http/buffer.h"
#include "lib/http/chunked.h"
#include "lib/http/head.h"

namespace pannier::http {

struct FramingLimits {
  uint64_t header_bytes_max;  // also of chunk extensions and trailers together
  uint64_t body_bytes_max;
};

class Framing {
 public:
  enum class State : uint8_t { kHead, kBody, kComplete, kRefused };

  // Looks at what `buffer` holds of the request that begins at its front. Call again when bytes
  // were appended. When this call finds the end of the head, `*head` is parsed (its views end with
  // the next change of `buffer`); HasHead() tells of later calls that it can be parsed again.
  State Advance(Buffer* buffer, const FramingLimits& limits, Head* head);

  State state() const { return state_; }
  const Fault& fault() const { return fault_; }        // of kRefused
  size_t head_bytes() const { return head_bytes_; }    // 0 before the head's end
  uint64_t body_bytes() const { return body_bytes_; }  // of kComplete
  size_t request_bytes() const { return head_bytes_ + body_bytes_; }
  bool chunked() const { return chunked_; }
  // How large a buffer the whole request takes, as far as its head tells.
  uint64_t bytes_announced() const { return head_bytes_ + (chunked_ ? 0 : body_bytes_); }
  // The client waits for "100 Continue" before it sends the body, of which nothing is here.
  bool WantsContinue(const Buffer& buffer) const;
  void SetContinued() { expects_continue_ = false; }

 private:
  State Refuse(Fault fault);
  State AdvanceHead(Buffer* buffer, const FramingLimits& limits, Head* head);
  State AdvanceBody(Buffer* buffer, const FramingLimits& limits);
  State AdvanceChunks(Buffer* buffer, const FramingLimits& limits);

  State state_ = State::kHead;
  bool chunked_ = false;
  bool expects_continue_ = false;
  bool skipped_line_ = false;
  HeadScan scan_;
  size_t head_bytes_ = 0;
  uint64_t body_bytes_ = 0;  // announced, or decoded so far
  ChunkDecoder chunks_;
  Fault fault_;
};

}  // namespace pannier::http
