// Filters over all rows at once: leaves give sets of rows, branches intersect and unite them.
#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "daemon/index/filter_evaluator.h"

namespace pannier::index {
namespace {

// Testing a row costs about as much as taking this many from a column.
constexpr uint64_t kRowTestCost = 16;

}  // namespace

struct CompiledFilter::Source {
  const AttributeRows& rows;
  const AttributeCaches& caches;
  uint32_t end;
};

// Right among the rows that the caller asked about.
struct CompiledFilter::Sets {
  RowBits may;
  std::optional<RowBits> pass;  // nothing: the same

  const RowBits& passing() const { return pass ? *pass : may; }
  void Invert() {
    RowBits not_passing = passing();
    not_passing.Invert();
    if (pass) {
      may.Invert();
      pass = std::exchange(may, std::move(not_passing));
    } else {
      may = std::move(not_passing);
    }
  }
};

RowVerdicts CompiledFilter::Decide(const AttributeRows& rows, const AttributeCaches& caches,
                                   uint32_t end) const {
  Sets sets = DecideNode(root_, {rows, caches, end}, nullptr);
  RowBits pass = sets.pass ? *std::move(sets.pass) : sets.may;
  return {std::move(sets.may), std::move(pass)};
}

CompiledFilter::Sets CompiledFilter::DecideNode(const Node& node, const Source& from,
                                                const RowBits* among) {
  if (node.kind == Kind::kAnd || node.kind == Kind::kOr) return DecideBranch(node, from, among);
  Sets sets = node.kind == Kind::kDocument ? DecideDocument(node, from)
                                           : Sets{FindCells(node, from, among), std::nullopt};
  if (node.negated) sets.Invert();
  return sets;
}

uint64_t CompiledFilter::Estimate(const Node& node, const Source& from) {
  if (node.kind == Kind::kDocument) return from.end;
  if (node.kind == Kind::kAnd || node.kind == Kind::kOr) {
    uint64_t estimate = node.kind == Kind::kAnd ? from.end : 0;
    for (const Node& child : node.children) {
      const uint64_t one = Estimate(child, from);
      estimate = node.kind == Kind::kAnd ? std::min(estimate, one) : estimate + one;
    }
    return std::min<uint64_t>(estimate, from.end);
  }
  uint64_t estimate = 0;
  if (node.key) {
    const std::shared_ptr<const AttributeColumn> column = from.caches.Column(*node.key);
    if (column == nullptr) return from.end;
    estimate = AddFromColumn(node, from, *column, nullptr) + from.end -
               std::min(column->covered(), from.end);
  }
  estimate = std::min<uint64_t>(estimate, from.end);
  return node.negated ? from.end - estimate : estimate;
}

// The fewest first, so that the others need be asked about few; documents last, as they were.
std::vector<const CompiledFilter::Node*> CompiledFilter::InOrder(const Node& node,
                                                                 const Source& from) {
  struct Ranked {
    bool looks_at_document;
    uint64_t estimate;
    const Node* node;
  };
  std::vector<Ranked> ranked;
  for (const Node& child : node.children) {
    ranked.push_back({LooksAtDocument(child), Estimate(child, from), &child});
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    return std::tie(a.looks_at_document, a.estimate) < std::tie(b.looks_at_document, b.estimate);
  });
  std::vector<const Node*> nodes;
  nodes.reserve(ranked.size());
  for (const Ranked& one : ranked) nodes.push_back(one.node);
  return nodes;
}

// What one child of an AND has ruled out, the next need not be asked about; where nothing is left,
// none is asked.
CompiledFilter::Sets CompiledFilter::DecideBranch(const Node& node, const Source& from,
                                                  const RowBits* among) {
  const bool is_and = node.kind == Kind::kAnd;
  Sets sets{is_and && among != nullptr ? *among : RowBits(from.end, is_and), std::nullopt};
  for (const Node* child : InOrder(node, from)) {
    if (is_and && sets.may.empty()) break;
    Sets one = DecideNode(*child, from, is_and ? &sets.may : among);
    if (one.pass && !sets.pass) sets.pass = sets.may;
    if (is_and) {
      if (sets.pass) sets.pass->IntersectWith(one.passing());
      sets.may.IntersectWith(one.may);
    } else {
      if (sets.pass) sets.pass->UniteWith(one.passing());
      sets.may.UniteWith(one.may);
    }
  }
  return sets;
}

CompiledFilter::Sets CompiledFilter::DecideDocument(const Node& node, const Source& from) {
  const std::shared_ptr<const TextSignatures> text = from.caches.Text();
  Sets sets{RowBits(from.end), RowBits(from.end)};
  if (text->covered() > 0) text->FindMay(node.text->Needles(), &sets.may);
  sets.may.SetRange(std::min(text->covered(), from.end), from.end);
  return sets;
}

uint64_t CompiledFilter::AddFromColumn(const Node& node, const Source& from,
                                       const AttributeColumn& column, RowBits* found) {
  const model::Filter& filter = *node.source;
  if (node.kind == Kind::kCompare) {
    return column.AddCompared(node.comparison, filter.operand, found);
  }
  const std::span<const model::Scalar> operands =
      filter.op == model::FilterOp::kIn || filter.op == model::FilterOp::kNin
          ? std::span<const model::Scalar>(filter.operands)
          : std::span<const model::Scalar>(&filter.operand, 1);
  return node.kind == Kind::kArrayHas
             ? column.AddArrays(operands, *node.set, from.rows.strings(), found)
             : column.AddScalars(operands, *node.set, from.rows.strings(), found);
}

RowBits CompiledFilter::FindCells(const Node& node, const Source& from, const RowBits* among) {
  RowBits found(from.end);
  if (!node.key) return found;
  uint32_t begin = 0;  // rows before it were answered by the column
  const std::shared_ptr<const AttributeColumn> column = from.caches.Column(*node.key);
  if (column != nullptr) {
    const bool few = among != nullptr &&
                     among->Count() * kRowTestCost < AddFromColumn(node, from, *column, nullptr);
    if (!few) {
      AddFromColumn(node, from, *column, &found);
      begin = std::min(column->covered(), from.end);
    }
  }
  const auto test = [&](uint32_t row) {
    if (TestCells(node, from.rows.Cells(row))) found.Set(row);
  };
  if (among != nullptr) {
    among->ForEach(begin, test);
  } else {
    for (uint32_t row = begin; row < from.end; ++row) test(row);
  }
  return found;
}

}  // namespace pannier::index
