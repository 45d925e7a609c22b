#include "operator/resource/schema.h"

#include "operator/resource/yaml.h"

namespace pannier::control {
namespace {

using Json = nlohmann::ordered_json;

// As Kubernetes writes amounts: 10Gi, 500m, 1.5.
constexpr const char* kQuantity = R"(^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$)";

Json RulesJson(const std::vector<Rule>& rules) {
  Json list = Json::array();
  for (const Rule& rule : rules) {
    Json each = {{"rule", rule.cel}, {"message", rule.message}};
    if (!rule.path.empty()) each["fieldPath"] = rule.path;
    if (!rule.reason.empty()) each["reason"] = rule.reason;
    list.push_back(std::move(each));
  }
  return list;
}

class SchemaMaker : public Visitor {
 public:
  SchemaMaker(const char* help, bool with_defaults) : with_defaults_(with_defaults) {
    open_.push_back(Begin({.help = help}, "object"));
  }
  Json Take() { return std::move(open_.front()); }

  void Text(const Field& field, std::string* value) override {
    Json schema = Begin(field, "string");
    if (field.quantity) {
      schema.erase("type");
      Quantity(&schema);
    } else {
      Strings(field, &schema);
    }
    if (!value->empty()) Default(field, &schema, *value);
    Put(field, std::move(schema));
  }
  void Number(const Field& field, int64_t* value) override {
    Json schema = NumberSchema(field);
    Default(field, &schema, *value);
    Put(field, std::move(schema));
  }
  void Number(const Field& field, std::optional<int64_t>*) override {
    Put(field, NumberSchema(field));
  }
  void Flag(const Field& field, bool* value) override {
    Json schema = Begin(field, "boolean");
    Default(field, &schema, *value);
    Put(field, std::move(schema));
  }
  void Time(const Field& field, std::optional<WallTime>*) override {
    Json schema = Begin(field, "string");
    schema["format"] = "date-time";
    Put(field, std::move(schema));
  }
  void Texts(const Field& field, std::vector<std::string>*) override {
    Json schema = Begin(field, "array");
    Items(field, &schema);
    schema["x-kubernetes-list-type"] = field.ordered ? "atomic" : "set";
    schema["items"] = {{"type", "string"}};
    Strings(field, &schema["items"]);
    Put(field, std::move(schema));
  }
  void Map(const Field& field, std::map<std::string, std::string>*) override {
    Json schema = Begin(field, "object");
    schema["maxProperties"] = field.items_max;
    if (field.items_min > 0) schema["minProperties"] = field.items_min;
    Json values = Json::object();
    if (field.quantity) {
      Quantity(&values);
    } else {
      values["type"] = "string";
      values["maxLength"] = field.length_max;
    }
    schema["additionalProperties"] = std::move(values);
    Put(field, std::move(schema));
  }
  void Raw(const Field& field, std::string*) override {
    Json schema = Begin(field, "object");
    schema["x-kubernetes-preserve-unknown-fields"] = true;
    Put(field, std::move(schema));
  }
  void Rules(const std::vector<Rule>& rules) override {
    Json& list = open_.back()["x-kubernetes-validations"];
    if (list.is_null()) list = Json::array();
    for (Json& each : RulesJson(rules)) list.push_back(std::move(each));
  }

 protected:
  void Pick(const Field& field, int* value, std::span<const char* const> names) override {
    Json schema = Begin(field, "string");
    schema["enum"] = Json::array();
    for (const char* name : names) schema["enum"].push_back(name);
    Default(field, &schema, names[static_cast<size_t>(*value)]);
    Put(field, std::move(schema));
  }
  bool Enter(const Field& field, bool*) override {
    open_.push_back(Begin(field, "object"));
    fields_.push_back(field);
    return true;
  }
  // An object that is always there gets the defaults of its members although nobody wrote it.
  void Leave() override {
    Json& object = open_.back();
    const Json none = Json::object();
    const auto properties = object.find("properties");
    for (const auto& [name, member] : (properties == object.end() ? none : *properties).items()) {
      if (!object.contains("required") && member.contains("default")) object["default"] = none;
    }
    LeaveOptional();
  }
  void LeaveOptional() override {
    Json done = std::move(open_.back());
    open_.pop_back();
    const Field field = std::move(fields_.back());
    fields_.pop_back();
    if (field.required) done.erase("default");
    Put(field, std::move(done));
  }
  bool EnterList(const Field& field, size_t* count) override {
    *count = 1;  // one item shows what all are
    fields_.push_back(field);
    return true;
  }
  void EnterItem(size_t) override { open_.push_back({{"type", "object"}}); }
  void LeaveItem() override {
    Json item = std::move(open_.back());
    open_.pop_back();
    const Field field = std::move(fields_.back());
    fields_.pop_back();
    Json schema = Begin(field, "array");
    Items(field, &schema);
    ListKind(field, &schema);
    schema["items"] = std::move(item);
    Put(field, std::move(schema));
  }
  void LeaveList() override {}

 private:
  static Json Begin(const Field& field, const char* type) {
    Json schema = Json::object();
    if (field.help[0] != '\0') schema["description"] = field.help;
    schema["type"] = type;
    return schema;
  }
  static Json NumberSchema(const Field& field) {
    Json schema = Begin(field, "integer");
    schema["format"] = "int64";
    if (field.min) schema["minimum"] = *field.min;
    if (field.max) schema["maximum"] = *field.max;
    return schema;
  }
  static void Strings(const Field& field, Json* schema) {
    if (field.length_min > 0) (*schema)["minLength"] = field.length_min;
    (*schema)["maxLength"] = field.length_max;
    if (field.pattern != nullptr) (*schema)["pattern"] = field.pattern;
  }
  static void Quantity(Json* schema) {
    (*schema)["x-kubernetes-int-or-string"] = true;
    (*schema)["anyOf"] = {{{"type", "integer"}}, {{"type", "string"}}};
    (*schema)["maxLength"] = 32;
    (*schema)["pattern"] = kQuantity;
  }
  static void Items(const Field& field, Json* schema) {
    (*schema)["maxItems"] = field.items_max;
    if (field.items_min > 0) (*schema)["minItems"] = field.items_min;
  }
  static void ListKind(const Field& field, Json* schema) {
    if (field.keys == nullptr) {
      (*schema)["x-kubernetes-list-type"] = "atomic";
      return;
    }
    (*schema)["x-kubernetes-list-type"] = "map";
    Json keys = Json::array();
    for (std::string rest = field.keys; !rest.empty();) {
      const size_t comma = rest.find(',');
      keys.push_back(rest.substr(0, comma));
      rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    }
    (*schema)["x-kubernetes-list-map-keys"] = std::move(keys);
  }
  template <typename T>
  void Default(const Field& field, Json* schema, const T& value) const {
    if (with_defaults_ && !field.required) (*schema)["default"] = value;
  }
  void Put(const Field& field, Json schema) {
    if (!field.rules.empty()) schema["x-kubernetes-validations"] = RulesJson(field.rules);
    Json& object = open_.back();
    if (field.required) object["required"].push_back(field.name);
    object["properties"][field.name] = std::move(schema);
  }

  const bool with_defaults_;
  std::vector<Json> open_;
  std::vector<Field> fields_;
};

Json ColumnsOf(const Kind& kind) {
  Json columns = Json::array();
  for (const Column& column : kind.columns) {
    Json each = {{"name", column.name}, {"type", column.type}, {"jsonPath", column.path}};
    if (column.wide) each["priority"] = 1;
    columns.push_back(std::move(each));
  }
  return columns;
}

Json VersionOf(const Kind& kind) {
  Json properties = {
      {"apiVersion", {{"type", "string"}, {"description", "Version of this schema."}}},
      {"kind", {{"type", "string"}, {"description", "Kind of this object."}}},
      {"metadata", {{"type", "object"}}},
      {"spec", SchemaOf(kind.spec, "What is wanted.", true)},
      {"status", SchemaOf(kind.status, "What is; written by the operator.", false)}};
  Json schema = {{"description", kind.help},
                 {"type", "object"},
                 {"required", {"spec"}},
                 {"properties", std::move(properties)}};
  if (!kind.rules.empty()) schema["x-kubernetes-validations"] = RulesJson(kind.rules);
  return {{"name", kVersion},
          {"served", true},
          {"storage", true},
          {"subresources", {{"status", Json::object()}}},
          {"additionalPrinterColumns", ColumnsOf(kind)},
          {"schema", {{"openAPIV3Schema", std::move(schema)}}}};
}

}  // namespace

Json SchemaOf(const std::function<void(Visitor&)>& fields, const char* help, bool with_defaults) {
  SchemaMaker maker(help, with_defaults);
  fields(maker);
  return maker.Take();
}

Json CustomResourceDefinition(const Kind& kind) {
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", std::string(kind.plural) + "." + kGroup}}},
          {"spec",
           {{"group", kGroup},
            {"names",
             {{"kind", kind.name},
              {"listKind", std::string(kind.name) + "List"},
              {"plural", kind.plural},
              {"singular", kind.singular},
              {"shortNames", {kind.short_name}},
              {"categories", {"pannier"}}}},
            {"scope", "Namespaced"},
            {"versions", Json::array({VersionOf(kind)})}}}};
}

std::string CrdFile(const Kind& kind) {
  return "# Written by scripts/crds.sh from operator/resource; do not edit.\n" +
         ToYaml(CustomResourceDefinition(kind));
}

std::vector<Rule> Immutable(const std::vector<std::string>& fields) {
  std::vector<Rule> rules;
  for (const std::string& field : fields) {
    const std::string here = "has(self." + field + ")", before = "has(oldSelf." + field + ")";
    rules.push_back({here + " == " + before + " && (!" + here + " || self." + field +
                         " == oldSelf." + field + ")",
                     field + " cannot be changed; make a new object", "." + field,
                     "FieldValueForbidden"});
  }
  return rules;
}

Rule OneOf(const std::vector<std::string>& fields) {
  std::string sum, names;
  for (const std::string& field : fields) {
    sum += (sum.empty() ? "" : " + ") + ("(has(self." + field + ") ? 1 : 0)");
    names += (names.empty() ? "" : ", ") + field;
  }
  return {sum + " == 1", "set exactly one of " + names};
}

}  // namespace pannier::control
