// The metadata of one collection in memory, so that a filter need not read rows. Same versions as
// VectorIndex: rows are born and die at sequences, readers take no lock. Every record has a row
// here, with or without metadata, so this is also who lives.
//
// Threads and sequences: as VectorIndex (vector_index.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "daemon/index/record_set.h"
#include "daemon/model/filter.h"
#include "daemon/model/metadata.h"
#include "lib/core/result.h"

namespace pannier::index {

// How a filter reads the documents it must test: implemented by the store over the reader's
// transaction.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;
  // Visits the documents of `records` (nullopt: the record has none), in ascending order. The view
  // lives for the visit.
  using Visitor = std::function<void(RecordNumber, std::optional<std::string_view>)>;
  virtual Status Visit(const RecordSet& records, const Visitor& visit) = 0;
};

class AttributeIndex {
 public:
  // Records by what a filter says of them without looking at documents. Lifetime: the filter
  // outlives it. Threads: as a value.
  class Division {
   public:
    ~Division();
    Division(Division&&) noexcept;
    Division& operator=(Division&&) noexcept;

    RecordSet passing;
    RecordSet undecided;  // the document tells
    // Whether an undecided record passes, with this document (nullopt: none).
    bool Passes(RecordNumber record, const std::optional<std::string_view>& document) const;

   private:
    friend class AttributeIndex;
    struct Test;
    explicit Division(std::unique_ptr<const Test> test);
    std::unique_ptr<const Test> test_;
  };

  // A consistent look at one sequence.
  class View {
   public:
    // Same as Match, but leaves the documents to the caller.
    //   kInvalidArgument  a regular expression does not compile
    Result<Division> Divide(const model::Filter& filter) const;
    // About how many bytes of caches would make this filter quicker, if anybody built them; 0: they
    // are there, or not worth it. Caches never change an answer.
    uint64_t CacheBytesWanted(const model::Filter& filter) const;
    // Builds them, unless somebody is at it. Long the first time: reads all documents if the filter
    // tests them.
    //   what `documents` failed with; what was read until then is kept
    Status BuildCaches(const model::Filter& filter, DocumentSource& documents) const;
    // The records that live and pass `filter`, exactly (daemon/model/filter.h). Document tests run
    // last, only on records that the rest of the filter leaves undecided.
    //   kInvalidArgument  a regular expression does not compile ("Regex syntax errror: …")
    //   others            what `documents` failed with
    Result<RecordSet> Match(const model::Filter& filter, DocumentSource& documents) const;
    // All that live. Walks; for their number use live().
    RecordSet Live() const;
    uint64_t live() const;

   private:
    friend class AttributeIndex;
    struct Pinned;
    explicit View(std::shared_ptr<const Pinned> pinned) : pinned_(std::move(pinned)) {}
    std::shared_ptr<const Pinned> pinned_;
  };

  AttributeIndex();
  ~AttributeIndex();

  // --- writer --- (metadata null: the record has none)
  void Put(Sequence at, RecordNumber record, const model::Metadata* metadata);
  // The record has another document now, and the metadata that it had.
  void TouchDocument(Sequence at, RecordNumber record);
  void Remove(Sequence at, RecordNumber record);
  void Commit(Sequence at);
  void Abort(Sequence at);
  bool Compact();

  // --- anyone ---
  std::optional<View> At(Sequence at) const;
  uint64_t memory_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::index
