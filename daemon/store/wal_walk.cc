#include "daemon/store/wal_walk.h"

#include <bit>
#include <vector>

namespace pannier::store {
namespace {

class Chain {
 public:
  explicit Chain(const LogHeader& header)
      : header_(header), stored_(header.sum), computed_(header.sum), unbroken_(header.valid) {}

  LogFrame Take(uint64_t number, std::span<const char> bytes) {
    LogFrame frame;
    frame.number = number;
    frame.head = ParseFrameHeader(bytes);
    if (number == 0 && !header_.valid) header_.salts = frame.head.salts;
    const LogSum after_stored = SumOfFrame(stored_, bytes, header_.big_endian_sums);
    const LogSum after_computed =
        computed_ == stored_ ? after_stored : SumOfFrame(computed_, bytes, header_.big_endian_sums);
    frame.has_salts = frame.head.salts == header_.salts && frame.head.page != 0;
    frame.follows =
        frame.has_salts && (after_stored == frame.head.sum || after_computed == frame.head.sum);
    unbroken_ = unbroken_ && frame.follows;
    frame.is_used = unbroken_;
    stored_ = frame.head.sum;
    computed_ = after_stored;
    return frame;
  }

 private:
  LogHeader header_;
  LogSum stored_, computed_;  // of the frame before: what it says, and what it should say
  bool unbroken_;
};

}  // namespace

Status WalkLog(const RawFile& log, LogHeader* header,
               const std::function<void(const LogFrame& frame)>& visit) {
  std::vector<char> bytes(kLogHeaderBytes);
  TRY(log.ReadAt(0, bytes));
  *header = ParseLogHeader(bytes);
  const uint32_t page_bytes = header->page_bytes;
  if (page_bytes < 512 || page_bytes > 65'536 || !std::has_single_bit(page_bytes)) return {};
  bytes.resize(kFrameHeaderBytes + page_bytes);
  Chain chain(*header);
  for (uint64_t number = 0; FrameOffset(number + 1, page_bytes) <= log.size(); ++number) {
    TRY(log.ReadAt(FrameOffset(number, page_bytes), bytes));
    visit(chain.Take(number, bytes));
  }
  return {};
}

}  // namespace pannier::store
