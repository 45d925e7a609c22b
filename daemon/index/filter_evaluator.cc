#include "daemon/index/filter_evaluator.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace pannier::index {
namespace {

using model::FilterOp;
using Verdict = CompiledFilter::Verdict;

constexpr size_t kListMax = 8;
constexpr double kTwoTo63 = 9223372036854775808.0;

uint64_t Mix(uint64_t word) {
  word *= 0x9e3779b97f4a7c15u;
  return word ^ (word >> 32);
}

uint64_t Word(const StringDictionary::Entry* entry) { return reinterpret_cast<uintptr_t>(entry); }

bool Passes(FilterOp comparison, int order) {
  switch (comparison) {
    case FilterOp::kGt:
      return order > 0;
    case FilterOp::kGte:
      return order >= 0;
    case FilterOp::kLt:
      return order < 0;
    default:
      return order <= 0;
  }
}

template <typename T>
int Order(T a, T b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

// How a cell's number stands to the operand, or nothing when one of the two is no number.
std::optional<int> OrderOf(const Cell& cell, const model::Scalar& operand) {
  const int64_t* integer = std::get_if<int64_t>(&operand);
  const double* real = std::get_if<double>(&operand);
  if (integer == nullptr && (real == nullptr || std::isnan(*real))) return std::nullopt;
  if (cell.kind == CellKind::kInt) {
    const int64_t value = cell.value.integer;
    return integer ? Order(value, *integer) : CompareExactly(value, *real);
  }
  if (cell.kind != CellKind::kFloat || std::isnan(cell.value.real)) return std::nullopt;
  const double value = cell.value.real;
  return integer ? -CompareExactly(*integer, value) : Order(value, *real);
}

}  // namespace

std::optional<int64_t> AsInteger(double real) {
  if (!(real >= -kTwoTo63 && real < kTwoTo63) || std::trunc(real) != real) return std::nullopt;
  return static_cast<int64_t>(real);
}

int CompareExactly(int64_t integer, double real) {
  if (real >= kTwoTo63) return -1;
  if (real < -kTwoTo63) return 1;
  const double whole = std::trunc(real);
  const int order = Order(integer, static_cast<int64_t>(whole));
  return order != 0 ? order : Order(whole, real);
}

WordSet::WordSet(std::vector<uint64_t> words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  if (words.size() <= kListMax) {
    list_ = std::move(words);
    return;
  }
  while (std::binary_search(words.begin(), words.end(), empty_)) ++empty_;
  table_.assign(std::bit_ceil(words.size() * 2), empty_);
  for (const uint64_t word : words) {
    uint64_t i = Mix(word) & (table_.size() - 1);
    while (table_[i] != empty_) i = (i + 1) & (table_.size() - 1);
    table_[i] = word;
  }
}

bool WordSet::Contains(uint64_t word) const {
  if (table_.empty()) return std::find(list_.begin(), list_.end(), word) != list_.end();
  if (word == empty_) return false;
  uint64_t i = Mix(word) & (table_.size() - 1);
  while (table_[i] != empty_ && table_[i] != word) i = (i + 1) & (table_.size() - 1);
  return table_[i] == word;
}

ScalarSet::ScalarSet(std::span<const model::Scalar> scalars, const StringDictionary& strings) {
  std::vector<uint64_t> integers, reals, entries;
  for (const model::Scalar& scalar : scalars) {
    if (const bool* boolean = std::get_if<bool>(&scalar)) {
      (*boolean ? has_true_ : has_false_) = true;
    } else if (const int64_t* integer = std::get_if<int64_t>(&scalar)) {
      integers.push_back(static_cast<uint64_t>(*integer));
    } else if (const double* real = std::get_if<double>(&scalar)) {
      const std::optional<int64_t> whole = AsInteger(*real);
      if (whole) {
        integers.push_back(static_cast<uint64_t>(*whole));
      } else if (!std::isnan(*real)) {
        reals.push_back(std::bit_cast<uint64_t>(*real));
      }
    } else if (const auto* entry = strings.Find(std::get<std::string>(scalar))) {
      entries.push_back(Word(entry));  // a string no row ever had matches none
    }
  }
  if (!integers.empty()) integers_.emplace(std::move(integers));
  if (!reals.empty()) reals_.emplace(std::move(reals));
  if (!entries.empty()) strings_.emplace(std::move(entries));
}

bool ScalarSet::Contains(CellKind kind, CellValue value) const {
  switch (kind) {
    case CellKind::kBool:
      return value.boolean ? has_true_ : has_false_;
    case CellKind::kString:
      return strings_ && strings_->Contains(Word(value.string));
    case CellKind::kInt:
      return integers_ && integers_->Contains(static_cast<uint64_t>(value.integer));
    case CellKind::kFloat:
      break;
  }
  if (const std::optional<int64_t> whole = AsInteger(value.real)) {
    return integers_ && integers_->Contains(static_cast<uint64_t>(*whole));
  }
  return reals_ && reals_->Contains(std::bit_cast<uint64_t>(value.real));
}

Result<CompiledFilter> CompiledFilter::Compile(const model::Filter& filter,
                                               const AttributeRows& rows) {
  return CompiledFilter(TRY(CompileNode(filter, rows)));
}

bool CompiledFilter::LooksAtDocument(const Node& node) {
  return node.kind == Kind::kDocument ||
         std::any_of(node.children.begin(), node.children.end(), LooksAtDocument);
}

// Children that look at documents come last: the others may decide without them.
Result<CompiledFilter::Node> CompiledFilter::CompileBranch(const model::Filter& filter,
                                                           const AttributeRows& rows) {
  Node node;
  node.source = &filter;
  node.kind = filter.op == FilterOp::kAnd ? Kind::kAnd : Kind::kOr;
  node.children.reserve(filter.children.size());
  for (const model::Filter& child : filter.children) {
    node.children.push_back(TRY(CompileNode(child, rows)));
  }
  std::stable_partition(node.children.begin(), node.children.end(),
                        [](const Node& child) { return !LooksAtDocument(child); });
  return node;
}

Result<CompiledFilter::Node> CompiledFilter::CompileNode(const model::Filter& filter,
                                                         const AttributeRows& rows) {
  if (filter.op == FilterOp::kAnd || filter.op == FilterOp::kOr) return CompileBranch(filter, rows);
  Node node;
  node.source = &filter;
  node.negated = filter.op == FilterOp::kNe || filter.op == FilterOp::kNin ||
                 filter.op == FilterOp::kArrayNotContains ||
                 filter.op == FilterOp::kDocumentNotContains ||
                 filter.op == FilterOp::kDocumentNotRegex;
  if (filter.op >= FilterOp::kDocumentContains) {
    node.kind = Kind::kDocument;
    const bool literal =
        filter.op == FilterOp::kDocumentContains || filter.op == FilterOp::kDocumentNotContains;
    node.text = literal ? TextMatcher::Literal(filter.text) : TRY(TextMatcher::Regex(filter.text));
    return node;
  }
  if (const auto* key = rows.keys().Find(filter.key)) node.key = key->number;
  if (filter.op >= FilterOp::kGt && filter.op <= FilterOp::kLte) {
    node.kind = Kind::kCompare;
    node.comparison = filter.op;
    node.operand = filter.operand;
    return node;
  }
  const bool array =
      filter.op == FilterOp::kArrayContains || filter.op == FilterOp::kArrayNotContains;
  const bool list = filter.op == FilterOp::kIn || filter.op == FilterOp::kNin;
  node.kind = array ? Kind::kArrayHas : Kind::kOneOf;
  node.set.emplace(list ? std::span<const model::Scalar>(filter.operands)
                        : std::span<const model::Scalar>(&filter.operand, 1),
                   rows.strings());
  return node;
}

bool CompiledFilter::TestCell(const Node& node, const Cell& cell) {
  if (node.kind == Kind::kArrayHas) {
    if (!cell.is_array) return false;
    const auto elements = cell.elements();
    return std::any_of(elements.begin(), elements.end(),
                       [&](CellValue value) { return node.set->Contains(cell.kind, value); });
  }
  if (cell.is_array) return false;
  if (node.kind == Kind::kOneOf) return node.set->Contains(cell.kind, cell.value);
  const std::optional<int> order = OrderOf(cell, node.operand);
  return order && Passes(node.comparison, *order);
}

bool CompiledFilter::TestCells(const Node& node, std::span<const Cell> cells) {
  if (!node.key) return false;
  const auto cell =
      std::find_if(cells.begin(), cells.end(), [&](const Cell& c) { return c.key == *node.key; });
  return cell != cells.end() && TestCell(node, *cell);
}

Verdict CompiledFilter::TestBranch(const Node& node, std::span<const Cell> cells,
                                   const std::optional<std::string_view>* document) {
  const bool is_and = node.kind == Kind::kAnd;
  const Verdict decisive = is_and ? Verdict::kNo : Verdict::kYes;
  Verdict verdict = is_and ? Verdict::kYes : Verdict::kNo;
  for (const Node& child : node.children) {
    const Verdict one = Test(child, cells, document);
    if (one == decisive) return decisive;
    if (one == Verdict::kUnknown) verdict = Verdict::kUnknown;
  }
  return verdict;
}

Verdict CompiledFilter::Test(const Node& node, std::span<const Cell> cells,
                             const std::optional<std::string_view>* document) {
  if (node.kind == Kind::kAnd || node.kind == Kind::kOr) return TestBranch(node, cells, document);
  bool passes = false;
  if (node.kind == Kind::kDocument) {
    if (document == nullptr) return Verdict::kUnknown;
    passes = document->has_value() && node.text->Matches(**document);
  } else {
    passes = TestCells(node, cells);
  }
  return passes != node.negated ? Verdict::kYes : Verdict::kNo;
}

}  // namespace pannier::index
