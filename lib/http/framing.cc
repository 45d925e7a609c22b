#include "lib/http/framing.h"

#include "lib/http/text.h"

namespace pannier::http {

Framing::State Framing::Refuse(Fault fault) {
  fault_ = fault;
  return state_ = State::kRefused;
}

Framing::State Framing::Advance(Buffer* buffer, const FramingLimits& limits, Head* head) {
  if (state_ == State::kHead) AdvanceHead(buffer, limits, head);
  if (state_ == State::kBody) AdvanceBody(buffer, limits);
  return state_;
}

Framing::State Framing::AdvanceHead(Buffer* buffer, const FramingLimits& limits, Head* head) {
  if (buffer->empty()) return state_;
  const char first = buffer->data()[0];
  if (!skipped_line_ && first == '\r') {
    // One empty line in front is forgiven (RFC 9112, 2.2): old clients end bodies with it.
    if (buffer->size() < 2) return state_;
    if (buffer->data()[1] != '\n') return Refuse({400, "Malformed request line"});
    buffer->DropFront(2);
    skipped_line_ = true;
    return AdvanceHead(buffer, limits, head);
  }
  // Says early that this is not HTTP: a TLS handshake has no line end to wait for.
  if (!IsTokenChar(first)) return Refuse({400, "Malformed request line"});
  // Looks no further than the limit, or what is refused would depend on how the bytes arrived.
  const ScanResult found =
      FindHeadEnd(buffer->view().substr(0, limits.header_bytes_max + 1), &scan_);
  if (found == ScanResult::kBareLineFeed) return Refuse({400, "A line must end in CR LF"});
  if (scan_.scanned > limits.header_bytes_max) {
    return scan_.line_begin == 0 ? Refuse({414, "The request target is too long"})
                                 : Refuse({431, "The request header is too large"});
  }
  if (found == ScanResult::kMore) return state_;

  if (const Fault fault = ParseHead(buffer->view().substr(0, scan_.scanned), head)) {
    return Refuse(fault);
  }
  head_bytes_ = scan_.scanned;
  chunked_ = head->chunked;
  body_bytes_ = head->content_length;
  if (body_bytes_ > limits.body_bytes_max) return Refuse({413, "Payload too large"});
  expects_continue_ = head->expects_continue;
  return state_ = State::kBody;
}

Framing::State Framing::AdvanceBody(Buffer* buffer, const FramingLimits& limits) {
  if (chunked_) return AdvanceChunks(buffer, limits);
  if (buffer->size() - head_bytes_ >= body_bytes_) state_ = State::kComplete;
  return state_;
}

Framing::State Framing::AdvanceChunks(Buffer* buffer, const FramingLimits& limits) {
  size_t to = head_bytes_ + body_bytes_;
  size_t from = to;
  const Fault fault = chunks_.Decode(buffer->data(), buffer->size(), &from, &to,
                                     limits.body_bytes_max, limits.header_bytes_max);
  body_bytes_ = to - head_bytes_;
  if (fault) return Refuse(fault);
  buffer->Remove(to, from - to);
  if (chunks_.done()) state_ = State::kComplete;
  return state_;
}

bool Framing::WantsContinue(const Buffer& buffer) const {
  return expects_continue_ && state_ == State::kBody && buffer.size() == head_bytes_;
}

}  // namespace pannier::http
