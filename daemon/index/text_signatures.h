// Which documents may contain a text: a cache, by row, that never misses one that does.
//
// Design. A document's signature is the set of its runs of three bytes (ASCII letters in lower
// case). For 512 documents at a time it is kept which of them have a run: of a common run as one
// cache line with a bit for each, of a rare one as a list. So a text of n bytes is looked for by
// AND-ing n - 2 sets of documents, and a run that none has ends it at once: even an expression of
// many alternatives of three letters each leaves next to no document that does not match. Who needs
// certainty looks at these. docs/decisions/0030 has the figures and what was weighed.
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

  struct Document {
    Kind kind;
    std::vector<uint32_t> runs;  // keys, each once
  };

  // Collects the rows behind covered(), in order, up to the end of a block.
  class Appender {
   public:
    explicit Appender(const TextSignatures& base);
    void Add(Kind kind, std::string_view text);
    uint32_t room() const;  // rows until the block is full
    std::shared_ptr<const TextSignatures> Finish();

   private:
    const TextSignatures& base_;
    std::vector<Document> documents_;
    std::vector<bool> seen_;  // by key; of the document that is being added
  };

  uint32_t covered() const { return covered_; }
  uint64_t bytes() const;
  // Adds to `may` the rows below covered() whose document may contain all texts of one of the
  // alternatives.
  void FindMay(const TextNeedles& needles, RowBits* may) const;

 private:
  using Line = std::array<uint64_t, kBlockRows / 64>;
  // Up to 512 documents. A run goes by its key (text_signatures.cc), a document by its row here.
  class Block {
   public:
    uint32_t rows() const { return rows_; }
    uint64_t bytes() const;
    const Line& unread() const { return unread_; }
    void Add(const std::vector<Document>& documents);
    // Adds to `found` the rows that may have all of `keys`.
    void AddMay(const std::vector<uint32_t>& keys, Line* found) const;

   private:
    // All that is known, each as key and row; in no order.
    std::vector<uint32_t> Entries() const;
    // Takes entries in order of keys and, of one key, rows.
    void Set(const std::vector<uint32_t>& entries);
    Line Find(uint32_t key) const;

    uint32_t rows_ = 0;
    Line unread_{};
    std::vector<uint32_t> rare_;    // entries of keys that few documents have, in order
    std::vector<uint32_t> starts_;  // where in these the keys begin that have the same highest bits
    std::vector<uint32_t> common_;  // keys of the others, in order
    std::vector<Line> lines_;       // who has them
  };

  std::vector<std::shared_ptr<const Block>> blocks_;
  uint32_t covered_ = 0;
};

}  // namespace pannier::index
