// Where a request ends must not depend on how its bytes arrive: all at once and byte by byte (in
// pieces that the input itself chooses) give the same requests and the same refusal.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/check.h"
#include "lib/http/framing.h"

namespace {

using namespace pannier::http;  // NOLINT: a fuzzer has one purpose

constexpr FramingLimits kLimits{1'024, 4'096};
constexpr int kRequestsMax = 16;

// What the server would have seen, as text.
class Connection {
 public:
  // False once the connection is refused or has seen enough.
  bool Take(std::string_view bytes) {
    buffer_.Reserve(buffer_.size() + bytes.size());
    buffer_.Append(bytes);
    while (requests_ < kRequestsMax) {
      const Framing::State state = framing_.Advance(&buffer_, kLimits, &head_);
      if (state == Framing::State::kRefused) {
        seen += "refused " + std::to_string(framing_.fault().status);
        return false;
      }
      if (state != Framing::State::kComplete) return true;
      const size_t bytes_used = framing_.request_bytes();
      CHECK(bytes_used <= buffer_.size());
      seen.append(buffer_.view().substr(0, bytes_used));
      seen += "|";
      buffer_.DropFront(bytes_used);
      framing_ = Framing();
      ++requests_;
      if (buffer_.empty()) return true;
    }
    return false;
  }

  std::string seen;

 private:
  Buffer buffer_;
  Framing framing_;
  Head head_;
  int requests_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t step = 1 + data[0] % 7;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Connection whole;
  whole.Take(bytes);
  Connection pieces;
  for (size_t at = 0; at < bytes.size(); at += step) {
    if (!pieces.Take(bytes.substr(at, step))) break;
  }
  CHECK(whole.seen == pieces.seen);
  return 0;
}
