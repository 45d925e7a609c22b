#include "lib/config/value.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <exception>

namespace pannier::config {
namespace {

Error At(std::string_view file, int line, const std::string& what) {
  return InvalidArgument(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

int LineOf(const YAML::Mark& mark) { return mark.line + 1; }

// Turns yaml-cpp's nodes into ours; may throw what yaml-cpp throws.
class Converter {
 public:
  explicit Converter(std::string_view file) : file_(file) {}

  Result<Value> Convert(const YAML::Node& node, size_t depth) {
    Value value;
    value.line = LineOf(node.Mark());
    if (depth > kYamlDepthMax) return At(file_, value.line, "nested too deeply");
    if (++values_ > kYamlValuesMax) return At(file_, value.line, "too many values");
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return value;
      case YAML::NodeType::Scalar:
        value.kind = Value::Kind::kScalar;
        value.scalar = node.Scalar();
        value.quoted = node.Tag() == "!";
        return value;
      case YAML::NodeType::Sequence:
        value.kind = Value::Kind::kList;
        for (const YAML::Node& item : node) value.items.push_back(TRY(Convert(item, depth + 1)));
        return value;
      case YAML::NodeType::Map:
        value.kind = Value::Kind::kMap;
        for (const auto& pair : node) TRY(AddMember(value, pair.first, pair.second, depth));
        return value;
    }
    return value;
  }

 private:
  Status AddMember(Value& map, const YAML::Node& key, const YAML::Node& child, size_t depth) {
    const int line = LineOf(key.Mark());
    if (!key.IsScalar()) return At(file_, line, "a key must be a plain word");
    if (map.Find(key.Scalar()) != nullptr)
      return At(file_, line, "the key \"" + key.Scalar() + "\" is there twice");
    Value value = TRY(Convert(child, depth + 1));
    map.members.push_back({key.Scalar(), line, std::move(value)});
    return {};
  }

  const std::string_view file_;
  size_t values_ = 0;
};

void Emit(YAML::Emitter& out, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      out << YAML::Null;
      break;
    case Value::Kind::kScalar:
      if (value.quoted || value.scalar.empty()) out << YAML::DoubleQuoted;
      out << value.scalar;
      break;
    case Value::Kind::kList:
      if (value.items.empty()) out << YAML::Flow;
      out << YAML::BeginSeq;
      for (const Value& item : value.items) Emit(out, item);
      out << YAML::EndSeq;
      break;
    case Value::Kind::kMap:
      if (value.members.empty()) out << YAML::Flow;
      out << YAML::BeginMap;
      for (const Member& member : value.members) {
        out << YAML::Key << member.key << YAML::Value;
        Emit(out, member.value);
      }
      out << YAML::EndMap;
      break;
  }
}

}  // namespace

const Value* Value::Find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

namespace {
// YAML allows no control characters but tab and line ends, and yaml-cpp 0.7 can loop for ever on
// some that it is given all the same.
Status CheckCharacters(std::string_view text, std::string_view file) {
  int line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    const auto byte = static_cast<unsigned char>(c);
    const bool allowed = byte >= 0x20 ? byte != 0x7F : c == '\n' || c == '\r' || c == '\t';
    if (!allowed) return At(file, line, "a control character; is this a text file?");
  }
  return {};
}
}  // namespace

Result<Value> ParseYaml(std::string_view text, std::string_view file) {
  TRY(CheckCharacters(text, file));
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.empty()) return Value{};
    if (documents.size() > 1)
      return At(file, LineOf(documents[1].Mark()), "only one document is expected");
    return Converter(file).Convert(documents[0], 0);
  } catch (const YAML::Exception& error) {
    return At(file, LineOf(error.mark), error.msg);
  } catch (const std::exception& error) {
    return At(file, 1, error.what());
  }
}

std::string WriteYaml(const Value& value) {
  YAML::Emitter out;
  Emit(out, value);
  return std::string(out.c_str()) + "\n";
}

}  // namespace pannier::config
