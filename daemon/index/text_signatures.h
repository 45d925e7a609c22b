// Which documents may contain a text: a cache, by row, that never misses one that does.
//
// Design. Every run of three bytes (ASCII letters in lower case) of a document sets one bit of the
// document's signature. Signatures lie across: for 512 documents, one cache line per bit of the
// signature, so that a text of n bytes is looked for by AND-ing n - 2 lines. A signature is about
// eight times as long as its documents have different runs, hence some 12 % of bits are set, and
// the longer the text, the fewer documents pass by chance. Who needs certainty looks at these
// documents. docs/decisions/0011 has the figures and what was weighed.
//
// Threads: a value that is shared as const; Extended() makes the next one beside it, blocks that
// do not change are shared.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/index/row_bits.h"
#include "daemon/index/text_match.h"

namespace pannier::index {

class TextSignatures {
 public:
  static constexpr uint32_t kBlockRows = 512;

  // A document of the next row; kUnread: the row is not visible to who reads, so that nothing is
  // known of it, and it passes every test.
  enum class Kind { kText, kNone, kUnread };

  // Collects the rows behind covered(), in order, up to the end of a block.
  class Appender {
   public:
    explicit Appender(const TextSignatures& base);
    void Add(Kind kind, std::string_view text);
    uint32_t room() const;  // rows until the block is full
    std::shared_ptr<const TextSignatures> Finish();

   private:
    struct Document {
      Kind kind;
      std::vector<uint16_t> runs;
    };
    const TextSignatures& base_;
    std::vector<Document> documents_;
  };

  uint32_t covered() const { return covered_; }
  uint64_t bytes() const;
  // Adds to `may` the rows below covered() whose document may contain all texts of one of the
  // alternatives.
  void FindMay(const TextNeedles& needles, RowBits* may) const;

 private:
  using Line = std::array<uint64_t, kBlockRows / 64>;
  struct Block {
    uint32_t rows = 0;
    uint64_t runs = 0;        // of all its documents, each counted once per document
    std::vector<Line> lines;  // a power of two
    Line unread{};
    void Widen(uint64_t average_runs);
  };

  std::vector<std::shared_ptr<const Block>> blocks_;
  uint32_t covered_ = 0;
};

}  // namespace pannier::index
