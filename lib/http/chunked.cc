#include "lib/http/chunked.h"

#include <algorithm>
#include <cstring>

#include "lib/http/text.h"

namespace pannier::http {

namespace {

constexpr Fault kMalformed{400, "Malformed chunked body"};

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = Lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

Fault ChunkDecoder::StepSize(char c) {
  if (const int digit = HexDigit(c); digit >= 0) {
    if (++digits_ > 16) return kMalformed;
    chunk_left_ = chunk_left_ << 4 | static_cast<uint64_t>(digit);
    return {};
  }
  if (digits_ == 0) return kMalformed;
  if (c == '\r') {
    state_ = State::kSizeEnd;
  } else if (c == ';' || c == ' ' || c == '\t') {
    state_ = State::kExtension;
  } else {
    return kMalformed;
  }
  return {};
}

Fault ChunkDecoder::StepText(char c, State at_return) {
  ++extra_;
  if (c == '\r') {
    state_ = at_return;
  } else if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
    return kMalformed;
  }
  return {};
}

Fault ChunkDecoder::Step(char c) {
  const auto expect = [this, c](char expected, State next) {
    state_ = next;
    return c == expected ? Fault() : kMalformed;
  };
  switch (state_) {
    case State::kSize:
      return StepSize(c);
    case State::kExtension:
      return StepText(c, State::kSizeEnd);
    case State::kSizeEnd:
      digits_ = 0;
      return expect('\n', chunk_left_ > 0 ? State::kData : State::kTrailer);
    case State::kDataReturn:
      return expect('\r', State::kDataFeed);
    case State::kDataFeed:
      return expect('\n', State::kSize);
    case State::kTrailer:
      state_ = State::kTrailerText;
      return StepText(c, State::kLastFeed);
    case State::kTrailerText:
      return StepText(c, State::kTrailerEnd);
    case State::kTrailerEnd:
      return expect('\n', State::kTrailer);
    case State::kLastFeed:
      return expect('\n', State::kDone);
    default:
      return kMalformed;
  }
}

Fault ChunkDecoder::Decode(char* data, size_t size, size_t* from, size_t* to, uint64_t plain_max,
                           uint64_t extra_max) {
  while (*from < size && state_ != State::kDone) {
    if (state_ == State::kData) {
      const size_t bytes = std::min<uint64_t>(size - *from, chunk_left_);
      std::memmove(data + *to, data + *from, bytes);
      *from += bytes;
      *to += bytes;
      plain_ += bytes;
      chunk_left_ -= bytes;
      if (chunk_left_ == 0) state_ = State::kDataReturn;
      continue;
    }
    if (const Fault fault = Step(data[(*from)++])) return fault;
    if (chunk_left_ > plain_max - plain_) return {413, "Payload too large"};
    if (extra_ > extra_max) return {431, "Too many bytes in chunk extensions or trailers"};
  }
  return {};
}

}  // namespace pannier::http
