// Whether a schema's switches allow a filter. On the way of every filtered read, so it reads the
// schema with the fast parser and follows only the keys the filter names.
#include "daemon/model/configuration.h"
#include "lib/json/reader.h"

namespace pannier::model {
namespace {

struct FilterType {
  const char* name;   // in the schema
  const char* index;  // its inverted index
  const char* label;  // in Chroma's message
};

FilterType TypeOf(const Scalar& operand) {
  switch (operand.index()) {
    case 0:
      return {"bool", "bool_inverted_index", "Bool"};
    case 1:
      return {"int", "int_inverted_index", "Int"};
    case 2:
      return {"float", "float_inverted_index", "Float"};
    default:
      return {"string", "string_inverted_index", "Str"};
  }
}

class Checker {
 public:
  explicit Checker(const json::Value& schema)
      : defaults_(Member(schema, "defaults")), keys_(Member(schema, "keys")) {}

  Status Check(const Filter& filter) const {
    for (const Filter& child : filter.children) TRY(Check(child));
    switch (filter.op) {
      case FilterOp::kAnd:
      case FilterOp::kOr:
        return {};
      case FilterOp::kDocumentContains:
      case FilterOp::kDocumentNotContains:
      case FilterOp::kDocumentRegex:
      case FilterOp::kDocumentNotRegex:
        return CheckText();
      case FilterOp::kIn:
      case FilterOp::kNin:
        return filter.operands.empty() ? Status()
                                       : CheckKey(filter.key, TypeOf(filter.operands.front()));
      default:
        return CheckKey(filter.key, TypeOf(filter.operand));
    }
  }

 private:
  using MaybeValue = std::optional<json::Value>;

  static MaybeValue Member(const MaybeValue& object, std::string_view key) {
    if (!object || !object->is_object()) return std::nullopt;
    return object->Find(key);
  }

  // What `types` says of an index; nothing when it says nothing.
  static std::optional<bool> Enabled(const MaybeValue& types, const char* type, const char* index) {
    const MaybeValue enabled = Member(Member(Member(types, type), index), "enabled");
    if (!enabled || enabled->kind() != json::Kind::kBool) return std::nullopt;
    return enabled->AsBool();
  }

  Status CheckText() const {
    if (Enabled(Member(keys_, "#document"), "string", "fts_index").value_or(true)) return {};
    return InvalidArgument("Cannot filter using full-text search because FTS indexing is disabled");
  }

  Status CheckKey(const std::string& key, const FilterType& type) const {
    std::optional<bool> enabled = Enabled(Member(keys_, key), type.name, type.index);
    if (!enabled) enabled = Enabled(defaults_, type.name, type.index);
    if (enabled.value_or(true)) return {};
    return InvalidArgument("Cannot filter using metadata key '" + key + "' with type '" +
                           type.label + "' because indexing is disabled");
  }

  const MaybeValue defaults_, keys_;
};

}  // namespace

Status CheckFilterAllowed(const std::string& schema, const Filter& filter) {
  json::Document document(json::kOwnDepthMax);
  const Result<json::Value> root = document.ParseCopy(schema);
  if (!root.ok()) return Corruption("the stored schema is not JSON: " + root.error().what);
  return Checker(*root).Check(filter);
}

}  // namespace pannier::model
