#include "tests/daemon/store/reference_store.h"

#include <algorithm>
#include <cmath>

namespace pannier::store {
namespace {

using model::FilterOp;
using model::Scalar;

bool IsNumber(const Scalar& scalar) {
  return std::holds_alternative<int64_t>(scalar) || std::holds_alternative<double>(scalar);
}

// The histories use small numbers, which a double holds exactly.
double NumberOf(const Scalar& scalar) {
  const auto* integer = std::get_if<int64_t>(&scalar);
  return integer != nullptr ? static_cast<double>(*integer) : std::get<double>(scalar);
}

bool Equal(const Scalar& a, const Scalar& b) {
  if (IsNumber(a) && IsNumber(b)) return NumberOf(a) == NumberOf(b);
  return a.index() == b.index() && a == b;
}

const model::MetadataValue* ValueOf(const Record& record, const std::string& key) {
  if (!record.metadata) return nullptr;
  for (const auto& [name, value] : *record.metadata) {
    if (name == key) return &value;
  }
  return nullptr;
}

// None or one.
std::vector<Scalar> ScalarOf(const model::MetadataValue* value) {
  std::vector<Scalar> scalar;
  if (value == nullptr) return scalar;
  if (const auto* x = std::get_if<bool>(value)) scalar.emplace_back(*x);
  if (const auto* x = std::get_if<int64_t>(value)) scalar.emplace_back(*x);
  if (const auto* x = std::get_if<double>(value)) scalar.emplace_back(*x);
  if (const auto* x = std::get_if<std::string>(value)) scalar.emplace_back(*x);
  return scalar;
}

std::vector<Scalar> ElementsOf(const model::MetadataValue* value) {
  std::vector<Scalar> elements;
  if (value == nullptr) return elements;
  if (const auto* x = std::get_if<std::vector<bool>>(value)) {
    for (const bool element : *x) elements.push_back(element);
  }
  if (const auto* x = std::get_if<std::vector<int64_t>>(value)) {
    for (const int64_t element : *x) elements.push_back(element);
  }
  if (const auto* x = std::get_if<std::vector<double>>(value)) {
    for (const double element : *x) elements.push_back(element);
  }
  if (const auto* x = std::get_if<std::vector<std::string>>(value)) {
    for (const std::string& element : *x) elements.push_back(element);
  }
  return elements;
}

bool Compares(FilterOp op, const std::vector<Scalar>& value, const Scalar& operand) {
  if (value.empty() || !IsNumber(value[0]) || !IsNumber(operand)) return false;
  const double a = NumberOf(value[0]);
  const double b = NumberOf(operand);
  if (op == FilterOp::kGt) return a > b;
  if (op == FilterOp::kGte) return a >= b;
  if (op == FilterOp::kLt) return a < b;
  return a <= b;
}

bool AnyEqual(const std::vector<Scalar>& list, const Scalar& wanted) {
  return std::any_of(list.begin(), list.end(), [&](const Scalar& s) { return Equal(s, wanted); });
}

bool MatchesKey(const model::Filter& filter, const Record& record) {
  const auto* value = ValueOf(record, filter.key);
  const std::vector<Scalar> scalar = ScalarOf(value);
  switch (filter.op) {
    case FilterOp::kEq:
      return AnyEqual(scalar, filter.operand);
    case FilterOp::kNe:
      return !AnyEqual(scalar, filter.operand);
    case FilterOp::kIn:
      return !scalar.empty() && AnyEqual(filter.operands, scalar[0]);
    case FilterOp::kNin:
      return scalar.empty() || !AnyEqual(filter.operands, scalar[0]);
    case FilterOp::kArrayContains:
      return AnyEqual(ElementsOf(value), filter.operand);
    case FilterOp::kArrayNotContains:
      return !AnyEqual(ElementsOf(value), filter.operand);
    default:
      return Compares(filter.op, scalar, filter.operand);
  }
}

// As an update or the addition of a record leaves it.
model::Metadata Patched(model::Metadata base, const model::Metadata& patch) {
  for (const auto& [key, value] : patch) {
    const auto same = [&key = key](const auto& entry) { return entry.first == key; };
    const auto found = std::find_if(base.begin(), base.end(), same);
    if (std::holds_alternative<std::monostate>(value)) {
      if (found != base.end()) base.erase(found);
    } else if (found != base.end()) {
      found->second = value;
    } else {
      base.emplace_back(key, value);
    }
  }
  return base;
}

std::optional<model::Metadata> Stored(model::Metadata metadata) {
  if (metadata.empty()) return std::nullopt;
  return metadata;
}

}  // namespace

bool Matches(const model::Filter& filter, const Record& record) {
  const auto child = [&](const model::Filter& f) { return Matches(f, record); };
  const bool contains = record.document && record.document->find(filter.text) != std::string::npos;
  switch (filter.op) {
    case FilterOp::kAnd:
      return std::all_of(filter.children.begin(), filter.children.end(), child);
    case FilterOp::kOr:
      return std::any_of(filter.children.begin(), filter.children.end(), child);
    case FilterOp::kDocumentContains:
    case FilterOp::kDocumentRegex:  // the histories' patterns are plain words
      return contains;
    case FilterOp::kDocumentNotContains:
    case FilterOp::kDocumentNotRegex:
      return !contains;
    default:
      return MatchesKey(filter, record);
  }
}

double DistanceOf(model::Space space, const std::vector<float>& a, const std::vector<float>& b) {
  double squares = 0, dot = 0, norm_a = 0, norm_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    squares += (x - y) * (x - y);
    dot += x * y;
    norm_a += x * x;
    norm_b += y * y;
  }
  if (space == model::Space::kL2) return squares;
  if (space == model::Space::kIp) return 1 - dot;
  if (norm_a == 0 || norm_b == 0) return 1;
  return 1 - dot / std::sqrt(norm_a * norm_b);
}

Record* ReferenceCollection::Find(const std::string& id) {
  const auto found =
      std::find_if(records.begin(), records.end(), [&](const Record& r) { return r.id == id; });
  return found == records.end() ? nullptr : &*found;
}

Status ReferenceCollection::Write(model::WriteKind kind, const std::vector<Record>& batch) {
  const uint32_t given = Batch(batch).dimension;
  if (given != 0 && dimension && *dimension != given) return InvalidArgument("dimension");
  if (given != 0) dimension = given;
  for (const Record& record : batch) {
    Record* old = Find(record.id);
    if (old == nullptr && kind != model::WriteKind::kUpdate) {
      records.push_back(record);
      records.back().metadata = Stored(Patched({}, record.metadata.value_or(model::Metadata())));
    }
    if (old == nullptr || kind == model::WriteKind::kAdd) continue;
    if (!record.vector.empty()) old->vector = record.vector;
    if (record.document) old->document = record.document;
    if (record.uri) old->uri = record.uri;
    if (record.metadata) {
      old->metadata = Stored(Patched(old->metadata.value_or(model::Metadata()), *record.metadata));
    }
  }
  return {};
}

std::vector<const Record*> ReferenceCollection::Select(const model::Selection& selection) const {
  std::vector<const Record*> selected;
  for (const Record& record : records) {
    const auto& ids = selection.ids;
    const bool named = !ids || std::find(ids->begin(), ids->end(), record.id) != ids->end();
    if (named && (!selection.filter || Matches(*selection.filter, record))) {
      selected.push_back(&record);
    }
  }
  return selected;
}

uint64_t ReferenceCollection::Delete(const model::Selection& selection,
                                     std::optional<uint32_t> limit) {
  if (!selection.ids && !selection.filter) return 0;
  std::vector<std::string> going;
  for (const Record* record : Select(selection)) {
    if (!limit || going.size() < *limit) going.push_back(record->id);
  }
  std::erase_if(records, [&](const Record& record) {
    return std::find(going.begin(), going.end(), record.id) != going.end();
  });
  return going.size();
}

std::vector<Record> ReferenceCollection::Get(const model::GetRequest& request) const {
  std::vector<Record> page;
  uint32_t skip = request.offset;
  for (const Record* record : Select(request.selection)) {
    if (request.limit && page.size() >= *request.limit) break;
    if (skip > 0) {
      --skip;
      continue;
    }
    page.push_back(*record);
  }
  return page;
}

Result<std::vector<Found>> ReferenceCollection::Query(const std::vector<float>& vector, uint32_t k,
                                                      const model::Selection& selection) const {
  std::vector<Found> found;
  if (!dimension) return found;
  if (vector.size() != *dimension) return InvalidArgument("dimension");
  const std::vector<const Record*> selected = Select(selection);
  if (selection.ids && !selection.filter) {
    for (const std::string& id : *selection.ids) {
      const auto is_it = [&](const Record* record) { return record->id == id; };
      if (std::none_of(selected.begin(), selected.end(), is_it)) return NotFound("id");
    }
  }
  for (const Record* record : selected) {
    if (record->vector.empty()) continue;
    const double distance = DistanceOf(space, vector, record->vector);
    found.push_back({0, record->id, static_cast<float>(distance)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.distance < b.distance; });
  if (found.size() > k) found.resize(k);
  return found;
}

}  // namespace pannier::store
