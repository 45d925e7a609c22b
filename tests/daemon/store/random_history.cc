#include "tests/daemon/store/random_history.h"

namespace pannier::store {
namespace {

constexpr const char* kWords[] = {"apple", "pear", "apple pie", "", "früh"};
constexpr const char* kKeys[] = {"a", "b", "c"};

}  // namespace

std::vector<float> RandomHistory::Vector(uint32_t dimension) {
  std::vector<float> vector(dimension);
  for (float& x : vector) x = static_cast<float>(random_.Below(7)) - 3;
  return vector;
}

model::Scalar RandomHistory::SomeScalar() {
  switch (random_.Below(4)) {
    case 0:
      return random_.OneIn(2);
    case 1:
      return static_cast<int64_t>(random_.Below(4)) - 1;
    case 2:
      return static_cast<double>(random_.Below(8)) / 2 - 1;
    default:
      return std::string(random_.Of(kWords));
  }
}

model::MetadataValue RandomHistory::SomeValue(bool may_be_null) {
  if (may_be_null && random_.OneIn(5)) return std::monostate();
  if (random_.OneIn(5)) {
    if (random_.OneIn(2)) return std::vector<int64_t>{1, static_cast<int64_t>(random_.Below(3))};
    return std::vector<std::string>{random_.Of(kWords), "x"};
  }
  return std::visit([](auto scalar) { return model::MetadataValue(std::move(scalar)); },
                    SomeScalar());
}

model::Metadata RandomHistory::SomeMetadata(bool may_have_nulls) {
  model::Metadata metadata;
  for (const char* key : kKeys) {
    if (random_.OneIn(2)) metadata.emplace_back(key, SomeValue(may_have_nulls));
  }
  return metadata;
}

Record RandomHistory::SomeRecord(model::WriteKind kind, uint32_t dimension) {
  const bool update = kind == model::WriteKind::kUpdate;
  Record record;
  record.id = SomeId();
  if (!update || random_.OneIn(2)) record.vector = Vector(dimension);
  if (random_.OneIn(2)) record.document = random_.Of(kWords);
  if (random_.OneIn(3)) record.uri = random_.Of(kWords);
  if (random_.OneIn(2)) record.metadata = SomeMetadata(kind != model::WriteKind::kAdd);
  return record;
}

std::vector<Record> RandomHistory::SomeRecords(model::WriteKind kind, uint32_t dimension) {
  std::vector<Record> records;
  for (uint64_t left = random_.Below(7); left > 0; --left) {
    records.push_back(SomeRecord(kind, dimension));
  }
  return records;
}

model::Filter RandomHistory::SomeLeaf() {
  using model::FilterOp;
  constexpr FilterOp kOps[] = {FilterOp::kEq,
                               FilterOp::kNe,
                               FilterOp::kGt,
                               FilterOp::kGte,
                               FilterOp::kLt,
                               FilterOp::kLte,
                               FilterOp::kIn,
                               FilterOp::kNin,
                               FilterOp::kArrayContains,
                               FilterOp::kArrayNotContains,
                               FilterOp::kDocumentContains,
                               FilterOp::kDocumentNotContains,
                               FilterOp::kDocumentRegex,
                               FilterOp::kDocumentNotRegex};
  model::Filter filter;
  filter.op = random_.Of(kOps);
  filter.key = random_.Of(kKeys);
  filter.text = random_.Of(kWords);
  filter.operand = SomeScalar();
  const bool order = filter.op >= FilterOp::kGt && filter.op <= FilterOp::kLte;
  if (order) filter.operand = static_cast<double>(random_.Below(8)) / 2 - 1;
  const bool numbers = random_.OneIn(2);  // a list is of one kind
  for (int i = 0; i < 3; ++i) {
    if (numbers) filter.operands.emplace_back(static_cast<int64_t>(random_.Below(4)));
    if (!numbers) filter.operands.emplace_back(std::string(random_.Of(kWords)));
  }
  return filter;
}

model::Filter RandomHistory::SomeFilter(int depth) {
  if (depth == 0 || !random_.OneIn(3)) return SomeLeaf();
  model::Filter filter;
  filter.op = random_.OneIn(2) ? model::FilterOp::kAnd : model::FilterOp::kOr;
  for (uint64_t left = random_.Below(4); left > 0; --left) {
    filter.children.push_back(SomeFilter(depth - 1));
  }
  return filter;
}

model::Selection RandomHistory::SomeSelection() {
  model::Selection selection;
  if (random_.OneIn(3)) {
    selection.ids.emplace();
    for (uint64_t left = random_.Below(5); left > 0; --left) selection.ids->push_back(SomeId());
  }
  if (random_.OneIn(2)) selection.filter = SomeFilter(2);
  return selection;
}

}  // namespace pannier::store
