#include "daemon/index/attribute_column.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "daemon/index/filter_evaluator.h"

namespace pannier::index {
namespace {

using model::FilterOp;

// Looking one operand up costs about as much as passing this many values.
constexpr uint64_t kLookUpCost = 16;

}  // namespace

struct AttributeColumn::Fresh {
  std::vector<std::pair<uint8_t, uint32_t>> booleans;
  std::vector<std::pair<int64_t, uint32_t>> integers;
  std::vector<std::pair<double, uint32_t>> reals;
  std::vector<std::pair<const StringDictionary::Entry*, uint32_t>> strings;

  void Add(CellKind kind, CellValue value, uint32_t row) {
    switch (kind) {
      case CellKind::kBool:
        booleans.emplace_back(value.boolean, row);
        break;
      case CellKind::kInt:
        integers.emplace_back(value.integer, row);
        break;
      case CellKind::kFloat:
        if (!std::isnan(value.real)) reals.emplace_back(value.real, row);
        break;
      case CellKind::kString:
        strings.emplace_back(value.string, row);
        break;
    }
  }
};

// --- one kind of values ---

template <typename T>
void AttributeColumn::Values<T>::Merge(std::vector<std::pair<T, uint32_t>>* fresh) {
  if (fresh->empty()) return;
  const auto by_value = [](const auto& a, const auto& b) {
    return std::less<T>()(a.first, b.first);
  };
  std::vector<std::pair<T, uint32_t>> all;
  all.reserve(values.size() + fresh->size());
  for (size_t i = 0; i < values.size(); ++i) all.emplace_back(values[i], rows[i]);
  std::sort(fresh->begin(), fresh->end());
  const auto middle = static_cast<std::ptrdiff_t>(all.size());
  all.insert(all.end(), fresh->begin(), fresh->end());
  std::inplace_merge(all.begin(), all.begin() + middle, all.end(), by_value);
  values.resize(all.size());
  rows.resize(all.size());
  for (size_t i = 0; i < all.size(); ++i) std::tie(values[i], rows[i]) = all[i];
}

template <typename T>
uint64_t AttributeColumn::Values<T>::AddRange(size_t begin, size_t end, RowBits* found) const {
  for (size_t i = begin; i < end && found != nullptr; ++i) {
    if (rows[i] < found->rows()) found->Set(rows[i]);  // newer than who asks
  }
  return end - begin;
}

template <typename T>
uint64_t AttributeColumn::Values<T>::AddEqual(const T& value, RowBits* found) const {
  const auto [begin, end] = std::equal_range(values.begin(), values.end(), value, std::less<T>());
  return AddRange(static_cast<size_t>(begin - values.begin()),
                  static_cast<size_t>(end - values.begin()), found);
}

namespace {

// The part of ascending values that stands to an operand as `comparison` says. `order` tells how a
// value stands to it: negative, 0, positive.
template <typename T, typename Order>
std::pair<size_t, size_t> RangeOf(const std::vector<T>& values, FilterOp comparison, Order order) {
  const auto low = std::partition_point(values.begin(), values.end(),
                                        [&](const T& value) { return order(value) < 0; });
  const auto high =
      std::partition_point(low, values.end(), [&](const T& value) { return order(value) <= 0; });
  const auto lower = static_cast<size_t>(low - values.begin());
  const auto upper = static_cast<size_t>(high - values.begin());
  switch (comparison) {
    case FilterOp::kGt:
      return {upper, values.size()};
    case FilterOp::kGte:
      return {lower, values.size()};
    case FilterOp::kLt:
      return {0, lower};
    default:
      return {0, upper};
  }
}

template <typename T>
int Order(T a, T b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

}  // namespace

// --- scalars, or elements ---

uint64_t AttributeColumn::Side::bytes() const {
  return booleans.bytes() + integers.bytes() + reals.bytes() + strings.bytes();
}

uint64_t AttributeColumn::Side::count() const {
  return booleans.rows.size() + integers.rows.size() + reals.rows.size() + strings.rows.size();
}

void AttributeColumn::Side::Merge(Fresh* fresh) {
  booleans.Merge(&fresh->booleans);
  integers.Merge(&fresh->integers);
  reals.Merge(&fresh->reals);
  strings.Merge(&fresh->strings);
}

uint64_t AttributeColumn::Side::AddOne(const model::Scalar& operand,
                                       const StringDictionary& strings_of, RowBits* found) const {
  uint64_t added = 0;
  if (const bool* boolean = std::get_if<bool>(&operand)) {
    added += booleans.AddEqual(*boolean ? 1 : 0, found);
  } else if (const int64_t* integer = std::get_if<int64_t>(&operand)) {
    added += integers.AddEqual(*integer, found);
    const auto real = static_cast<double>(*integer);
    if (CompareExactly(*integer, real) == 0) added += reals.AddEqual(real, found);
  } else if (const double* real = std::get_if<double>(&operand)) {
    if (std::isnan(*real)) return 0;
    if (const std::optional<int64_t> whole = AsInteger(*real)) {
      added += integers.AddEqual(*whole, found);
    }
    added += reals.AddEqual(*real, found);
  } else if (const auto* entry = strings_of.Find(std::get<std::string>(operand))) {
    added += strings.AddEqual(entry, found);
  }
  return added;
}

// Asks about each distinct value once.
void AttributeColumn::Side::AddAll(const ScalarSet& set, RowBits* found) const {
  const auto add = [&](const auto& column, CellKind kind, auto to_cell) {
    bool is_in = false;
    for (size_t i = 0; i < column.values.size(); ++i) {
      if (i == 0 || column.values[i] != column.values[i - 1]) {
        is_in = set.Contains(kind, to_cell(column.values[i]));
      }
      if (is_in) column.AddRange(i, i + 1, found);
    }
  };
  add(booleans, CellKind::kBool, [](uint8_t v) { return CellValue{.boolean = v != 0}; });
  add(integers, CellKind::kInt, [](int64_t v) { return CellValue{.integer = v}; });
  add(reals, CellKind::kFloat, [](double v) { return CellValue{.real = v}; });
  add(strings, CellKind::kString,
      [](const StringDictionary::Entry* v) { return CellValue{.string = v}; });
}

uint64_t AttributeColumn::Side::Add(std::span<const model::Scalar> operands, const ScalarSet& set,
                                    const StringDictionary& strings_of, RowBits* found) const {
  if (operands.size() * kLookUpCost > count()) {
    if (found != nullptr) AddAll(set, found);
    return count();
  }
  uint64_t added = 0;
  for (const model::Scalar& operand : operands) added += AddOne(operand, strings_of, found);
  return added;
}

// --- the column ---

std::shared_ptr<const AttributeColumn> AttributeColumn::Extended(const AttributeColumn* old,
                                                                 const AttributeRows& rows,
                                                                 uint32_t key, uint32_t end) {
  auto next = old != nullptr ? std::make_shared<AttributeColumn>(*old)
                             : std::make_shared<AttributeColumn>();
  Fresh scalars, elements;
  for (uint32_t row = next->covered_; row < end; ++row) {
    for (const Cell& cell : rows.Cells(row)) {
      if (cell.key != key) continue;
      if (cell.is_array) {
        for (const CellValue element : cell.elements()) elements.Add(cell.kind, element, row);
      } else {
        scalars.Add(cell.kind, cell.value, row);
      }
    }
  }
  next->scalars_.Merge(&scalars);
  next->elements_.Merge(&elements);
  next->covered_ = std::max(next->covered_, end);
  return next;
}

uint64_t AttributeColumn::bytes() const {
  return sizeof(*this) + scalars_.bytes() + elements_.bytes();
}

uint64_t AttributeColumn::AddScalars(std::span<const model::Scalar> operands, const ScalarSet& set,
                                     const StringDictionary& strings, RowBits* found) const {
  return scalars_.Add(operands, set, strings, found);
}

uint64_t AttributeColumn::AddArrays(std::span<const model::Scalar> operands, const ScalarSet& set,
                                    const StringDictionary& strings, RowBits* found) const {
  return elements_.Add(operands, set, strings, found);
}

uint64_t AttributeColumn::AddCompared(FilterOp comparison, const model::Scalar& operand,
                                      RowBits* found) const {
  const int64_t* integer = std::get_if<int64_t>(&operand);
  const double* real = std::get_if<double>(&operand);
  if (integer == nullptr && (real == nullptr || std::isnan(*real))) return 0;
  const auto integers = RangeOf(scalars_.integers.values, comparison, [&](int64_t value) {
    return integer != nullptr ? Order(value, *integer) : CompareExactly(value, *real);
  });
  const uint64_t added = scalars_.integers.AddRange(integers.first, integers.second, found);
  const auto reals = RangeOf(scalars_.reals.values, comparison, [&](double value) {
    return integer != nullptr ? -CompareExactly(*integer, value) : Order(value, *real);
  });
  return added + scalars_.reals.AddRange(reals.first, reals.second, found);
}

}  // namespace pannier::index
