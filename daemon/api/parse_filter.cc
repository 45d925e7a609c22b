#include "daemon/api/parse_filter.h"

#include <array>
#include <utility>

#include "daemon/index/text_match.h"

namespace pannier::api {
namespace {

using model::Filter;
using model::FilterOp;
using model::Scalar;

struct NamedOp {
  std::string_view name;
  FilterOp op;
};
constexpr std::array<NamedOp, 2> kEqualities = {{{"$eq", FilterOp::kEq}, {"$ne", FilterOp::kNe}}};
constexpr std::array<NamedOp, 4> kComparisons = {{{"$gt", FilterOp::kGt},
                                                  {"$gte", FilterOp::kGte},
                                                  {"$lt", FilterOp::kLt},
                                                  {"$lte", FilterOp::kLte}}};
constexpr std::array<NamedOp, 2> kMemberships = {
    {{"$in", FilterOp::kIn}, {"$nin", FilterOp::kNin}}};
constexpr std::array<NamedOp, 2> kContainments = {
    {{"$contains", FilterOp::kArrayContains}, {"$not_contains", FilterOp::kArrayNotContains}}};
constexpr std::array<NamedOp, 4> kDocumentTests = {
    {{"$contains", FilterOp::kDocumentContains},
     {"$not_contains", FilterOp::kDocumentNotContains},
     {"$regex", FilterOp::kDocumentRegex},
     {"$not_regex", FilterOp::kDocumentNotRegex}}};
constexpr std::array<NamedOp, 2> kJunctions = {{{"$and", FilterOp::kAnd}, {"$or", FilterOp::kOr}}};

template <size_t N>
std::optional<FilterOp> FindOp(const std::array<NamedOp, N>& ops, std::string_view name) {
  for (const NamedOp& op : ops) {
    if (op.name == name) return op.op;
  }
  return std::nullopt;
}

using Member = std::pair<std::string_view, json::Value>;

// The single member of an object; of equal keys the last counts.
std::optional<Member> OnlyMember(const json::Value& value) {
  if (!value.is_object()) return std::nullopt;
  std::optional<Member> only;
  bool several = false;
  value.ForEachMember([&](std::string_view key, json::Value member) {
    several = only && only->first != key;
    only.emplace(key, member);
    return !several;
  });
  return several ? std::nullopt : only;
}

// Integers between 2^63 and 2^64 are refused: no record holds one, and as a float the operand would
// not mean what was written.
std::optional<Scalar> ParseScalar(const json::Value& value) {
  switch (value.kind()) {
    case json::Kind::kBool:
      return value.AsBool();
    case json::Kind::kInt:
      return value.AsInt();
    case json::Kind::kDouble:
      if (value.AsUnsigned()) return std::nullopt;
      return value.AsDouble();
    case json::Kind::kString:
      return std::string(value.AsString());
    default:
      return std::nullopt;
  }
}

class Parser {
 public:
  Parser(std::string_view clause, const ApiLimits& limits) : clause_(clause), limits_(limits) {}

  // where := {"$and"|"$or": [where…]} | {field: test}
  Result<Filter> Where(const json::Value& value) {
    TRY(CountNode());
    const std::optional<Member> member = OnlyMember(value);
    if (!member) return Invalid();
    const auto& [key, operand] = *member;
    if (const auto op = FindOp(kJunctions, key)) return Junction(*op, operand, &Parser::Where);
    if (key.starts_with('$')) return Invalid();
    if (operand.is_object()) return FieldTest(key, operand);
    return KeyTest(FilterOp::kEq, key, operand);
  }

  // wd := {"$and"|"$or": [wd…]} | {"$contains"|…: text}
  Result<Filter> WhereDocument(const json::Value& value) {
    TRY(CountNode());
    const std::optional<Member> member = OnlyMember(value);
    if (!member) return Invalid();
    if (const auto op = FindOp(kJunctions, member->first)) {
      return Junction(*op, member->second, &Parser::WhereDocument);
    }
    return DocumentTest(*member);
  }

 private:
  using ParseChild = Result<Filter> (Parser::*)(const json::Value&);

  Error Invalid() const { return InvalidArgument("Invalid " + std::string(clause_) + " clause"); }

  Error TooLarge(std::string_view what, uint32_t limit) const {
    return InvalidArgument("Invalid " + std::string(clause_) + " clause: more than " +
                           std::to_string(limit) + " " + std::string(what));
  }

  Status CountNode() {
    if (++nodes_ > limits_.where_nodes) return TooLarge("conditions", limits_.where_nodes);
    return {};
  }

  Result<Filter> Junction(FilterOp op, const json::Value& operand, ParseChild parse) {
    if (!operand.is_array()) return Invalid();
    Filter filter;
    filter.op = op;
    Status status;
    operand.ForEachElement([&](json::Value element) {
      Result<Filter> child = (this->*parse)(element);
      if (!child.ok()) {
        status = std::move(child).error();
        return false;
      }
      filter.children.push_back(std::move(child).value());
      return true;
    });
    TRY(std::move(status));
    return filter;
  }

  Result<Filter> FieldTest(std::string_view key, const json::Value& test) {
    const std::optional<Member> member = OnlyMember(test);
    if (!member) return Invalid();
    const auto& [name, operand] = *member;
    if (key == "#document" && FindOp(kDocumentTests, name)) return DocumentTest(*member);
    if (const auto op = FindOp(kEqualities, name)) return KeyTest(*op, key, operand);
    if (const auto op = FindOp(kContainments, name)) return KeyTest(*op, key, operand);
    if (const auto op = FindOp(kMemberships, name)) return Membership(*op, key, operand);
    if (const auto op = FindOp(kComparisons, name)) {
      if (!operand.is_number()) return Invalid();
      return KeyTest(*op, key, operand);
    }
    return Invalid();
  }

  Result<Filter> KeyTest(FilterOp op, std::string_view key, const json::Value& operand) const {
    std::optional<Scalar> scalar = ParseScalar(operand);
    if (!scalar) return Invalid();
    Filter filter;
    filter.op = op;
    filter.key = key;
    filter.operand = *std::move(scalar);
    return filter;
  }

  Result<Filter> Membership(FilterOp op, std::string_view key, const json::Value& list) {
    if (!list.is_array()) return Invalid();
    Filter filter;
    filter.op = op;
    filter.key = key;
    filter.operands.reserve(list.size());
    operands_ += list.size();
    if (operands_ > limits_.where_operands) {
      return TooLarge("elements of lists", limits_.where_operands);
    }
    bool fits = true;
    list.ForEachElement([&](json::Value element) {
      fits = AppendOperand(element, &filter.operands);
      return fits;
    });
    if (!fits || filter.operands.empty()) return Invalid();
    return filter;
  }

  // The first element decides the kind; a list of floats takes integers of any size too.
  static bool AppendOperand(const json::Value& element, std::vector<Scalar>* operands) {
    const bool floats = !operands->empty() && std::holds_alternative<double>(operands->front());
    if (floats && element.is_number()) {
      operands->emplace_back(element.AsDouble());
      return true;
    }
    std::optional<Scalar> scalar = ParseScalar(element);
    if (!scalar) return false;
    if (!operands->empty() && scalar->index() != operands->front().index()) return false;
    operands->push_back(*std::move(scalar));
    return true;
  }

  Result<Filter> DocumentTest(const Member& member) const {
    const auto op = FindOp(kDocumentTests, member.first);
    if (!op || !member.second.is_string()) return Invalid();
    Filter filter;
    filter.op = *op;
    filter.text = member.second.AsString();
    // Read here already: a bad pattern is refused even where nothing would be searched.
    if (*op == FilterOp::kDocumentRegex || *op == FilterOp::kDocumentNotRegex) {
      TRY(index::TextMatcher::Regex(filter.text));
    }
    return filter;
  }

  const std::string_view clause_;
  const ApiLimits& limits_;
  uint32_t nodes_ = 0;
  uint64_t operands_ = 0;
};

}  // namespace

Result<std::optional<Filter>> ParseFilter(const Field& where, const Field& where_document,
                                          const ApiLimits& limits) {
  std::optional<Filter> first, second;
  if (Given(where)) first = TRY(Parser("where", limits).Where(*where));
  if (Given(where_document)) {
    second = TRY(Parser("where document", limits).WhereDocument(*where_document));
  }
  if (!first) return second;
  if (!second) return first;
  Filter both;
  both.children.push_back(*std::move(first));
  both.children.push_back(*std::move(second));
  return std::optional<Filter>(std::move(both));
}

}  // namespace pannier::api
