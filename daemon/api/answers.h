// Bodies of get and query, written column by column while the store visits the records.
// Each column is one string buffer; Take() puts them together.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/model/records.h"
#include "lib/core/result.h"

namespace pannier::api {

// One list of the answer, or null when it was not asked for.
class Column {
 public:
  // With `wanted` false every call does nothing and the text is "null".
  explicit Column(bool wanted) : wanted_(wanted) {}

  bool wanted() const { return wanted_; }
  size_t size() const { return text_.size(); }
  void Open() {
    if (wanted_) text_.push_back('[');
  }
  void Close();  // of the list opened last
  // Where the next element is to be written; the comma before it is there already.
  std::string* Next();
  // Appends the text to `out` and frees it. Closes nothing: the caller has closed what it opened.
  void MoveTo(std::string* out);

 private:
  const bool wanted_;
  std::string text_;
};

class AnswerWriter {
 public:
  // `query_count` is nothing for a get; a query has one level more, and distances.
  AnswerWriter(const model::Include& include, std::vector<std::string> echoed,
               std::optional<uint32_t> query_count, uint64_t bytes_max);

  // Called in the order of the answer.
  //   kInvalidArgument  the answer is larger than bytes_max: reading on is of no use
  Status Add(uint32_t query, const model::RecordView& record, float distance);

  // The body; once, after the last Add(). Frees each column as it is copied, so that the answer is
  // held little more than once.
  //   kInvalidArgument  the answer would be larger than bytes_max
  Result<std::string> Take();

 private:
  void ForEachColumn(void (Column::*step)());
  void OpenUpTo(uint32_t query);
  uint64_t Bytes() const;
  Status CheckSize() const;

  const std::vector<std::string> echoed_;
  const std::optional<uint32_t> query_count_;
  const uint64_t bytes_max_;
  Column ids_, embeddings_, documents_, uris_, metadatas_, distances_;
  uint32_t opened_ = 0;  // queries whose lists are open or closed
};

}  // namespace pannier::api
