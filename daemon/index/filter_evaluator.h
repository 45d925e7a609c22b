// A filter made ready to test rows: keys and strings looked up once, operand lists hashed, patterns
// compiled. The meaning is that of daemon/model/filter.h. Threads: const methods from any.
// Lifetime: the rows and the filter it was compiled for outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/index/attribute_caches.h"
#include "daemon/index/attribute_rows.h"
#include "daemon/index/row_bits.h"
#include "daemon/index/text_match.h"
#include "daemon/model/filter.h"
#include "lib/core/result.h"

namespace pannier::index {

// Exact order of an integer and a float, beyond what either can hold of the other: negative, 0,
// positive. `real` is not NaN.
int CompareExactly(int64_t integer, double real);
// The integer a float equals, if one does.
std::optional<int64_t> AsInteger(double real);

// A set of eight-byte values: a list while small, else a hash table.
class WordSet {
 public:
  explicit WordSet(std::vector<uint64_t> words);
  bool Contains(uint64_t word) const;
  bool empty() const { return list_.empty() && table_.empty(); }

 private:
  std::vector<uint64_t> list_;
  std::vector<uint64_t> table_;  // power of two, at most half full; a free cell holds empty_
  uint64_t empty_ = 0;           // a value that is not in the set
};

// Scalars compared by value: an integer and an integral float are one value.
class ScalarSet {
 public:
  ScalarSet(std::span<const model::Scalar> scalars, const StringDictionary& strings);
  bool Contains(CellKind kind, CellValue value) const;

 private:
  bool has_true_ = false;
  bool has_false_ = false;
  std::optional<WordSet> integers_;
  std::optional<WordSet> reals_;  // bits of floats that no int64 equals
  std::optional<WordSet> strings_;
};

// What a filter says of rows before anybody has looked at documents.
struct RowVerdicts {
  RowBits may;   // those that pass, and those of which only the document can tell
  RowBits pass;  // a part of `may`
};

class CompiledFilter {
 public:
  // kUnknown: the answer depends on the document.
  enum class Verdict { kNo, kYes, kUnknown };

  //   kInvalidArgument  a regular expression does not compile
  static Result<CompiledFilter> Compile(const model::Filter& filter, const AttributeRows& rows);

  // Without looking at the document.
  Verdict Test(std::span<const Cell> cells) const { return Test(root_, cells, nullptr); }
  // With it; nullopt: the record has none.
  bool Test(std::span<const Cell> cells, const std::optional<std::string_view>& document) const {
    return Test(root_, cells, &document) == Verdict::kYes;
  }

  // Of rows [0, end) at once, through the caches where they are there, else row by row; visible or
  // not.
  RowVerdicts Decide(const AttributeRows& rows, const AttributeCaches& caches, uint32_t end) const;

 private:
  enum class Kind { kAnd, kOr, kOneOf, kArrayHas, kCompare, kDocument };
  struct Node {
    const model::Filter* source = nullptr;
    Kind kind = Kind::kAnd;
    bool negated = false;
    std::vector<Node> children;
    std::optional<uint32_t> key;  // nullopt: no row ever had it
    std::optional<ScalarSet> set;
    model::FilterOp comparison = model::FilterOp::kGt;
    model::Scalar operand;
    std::optional<TextMatcher> text;
  };

  explicit CompiledFilter(Node root) : root_(std::move(root)) {}
  static Result<Node> CompileNode(const model::Filter& filter, const AttributeRows& rows);
  static Result<Node> CompileBranch(const model::Filter& filter, const AttributeRows& rows);
  static bool LooksAtDocument(const Node& node);
  static Verdict Test(const Node& node, std::span<const Cell> cells,
                      const std::optional<std::string_view>* document);
  static Verdict TestBranch(const Node& node, std::span<const Cell> cells,
                            const std::optional<std::string_view>* document);
  static bool TestCell(const Node& node, const Cell& cell);
  static bool TestCells(const Node& node, std::span<const Cell> cells);

  // --- sets of rows (filter_sets.cc) ---
  struct Sets;    // what is known of rows, for one node
  struct Source;  // what to know it from
  static Sets DecideNode(const Node& node, const Source& from, const RowBits* among);
  static Sets DecideBranch(const Node& node, const Source& from, const RowBits* among);
  static Sets DecideDocument(const Node& node, const Source& from);
  static RowBits FindCells(const Node& node, const Source& from, const RowBits* among);
  // About how many rows may pass, by looking at columns only; `from.end` where none tells.
  static uint64_t Estimate(const Node& node, const Source& from);
  static uint64_t AddFromColumn(const Node& node, const Source& from, const AttributeColumn& column,
                                RowBits* found);
  static std::vector<const Node*> InOrder(const Node& node, const Source& from);

  Node root_;
};

}  // namespace pannier::index
