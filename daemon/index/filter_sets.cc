// Filters over all rows at once: leaves give sets of rows, branches intersect and unite them.
#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/index/filter_evaluator.h"

namespace pannier::index {

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

// What one child of an AND has ruled out, the next need not be asked about.
CompiledFilter::Sets CompiledFilter::DecideBranch(const Node& node, const Source& from,
                                                  const RowBits* among) {
  const bool is_and = node.kind == Kind::kAnd;
  Sets sets{is_and && among != nullptr ? *among : RowBits(from.end, is_and), std::nullopt};
  for (const Node& child : node.children) {
    Sets one = DecideNode(child, from, is_and ? &sets.may : among);
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

RowBits CompiledFilter::FindCells(const Node& node, const Source& from, const RowBits* among) {
  RowBits found(from.end);
  if (!node.key) return found;
  const std::shared_ptr<const AttributeColumn> column = from.caches.Column(*node.key);
  if (column != nullptr) {
    const model::Filter& filter = *node.source;
    const std::span<const model::Scalar> operands =
        filter.op == model::FilterOp::kIn || filter.op == model::FilterOp::kNin
            ? std::span<const model::Scalar>(filter.operands)
            : std::span<const model::Scalar>(&filter.operand, 1);
    if (node.kind == Kind::kCompare) {
      column->AddCompared(node.comparison, filter.operand, &found);
    } else if (node.kind == Kind::kArrayHas) {
      column->AddArrays(operands, *node.set, from.rows.strings(), &found);
    } else {
      column->AddScalars(operands, *node.set, from.rows.strings(), &found);
    }
  }
  const uint32_t begin = column == nullptr ? 0 : std::min(column->covered(), from.end);
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
