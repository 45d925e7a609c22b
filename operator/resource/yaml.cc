#include "operator/resource/yaml.h"

#include <algorithm>
#include <cctype>

namespace pannier::control {
namespace {

using Json = nlohmann::ordered_json;

// Whether every YAML reader takes the text for a string when it stands without quotes.
bool IsPlain(const std::string& text) {
  static constexpr const char* kWords[] = {"true", "false", "null", "yes", "no",
                                           "on",   "off",   "y",    "n"};
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* word : kWords) {
    if (lower == word) return false;
  }
  if (text.empty() || std::isalpha(static_cast<unsigned char>(text[0])) == 0) return false;
  if (text.back() == ' ' || text.find(": ") != std::string::npos || text.back() == ':')
    return false;
  return text.find(" #") == std::string::npos && std::all_of(text.begin(), text.end(), [](char c) {
           return c >= ' ' && c <= '~' && c != '"' && c != '\'' && c != '\\';
         });
}

std::string Scalar(const Json& value) {
  if (value.is_object()) return "{}";
  if (value.is_array()) return "[]";
  if (value.is_string() && IsPlain(value.get_ref<const std::string&>())) return value;
  return value.dump();  // a JSON scalar is a YAML scalar
}

bool IsBlock(const Json& value) { return value.is_structured() && !value.empty(); }

void Write(const Json& value, const std::string& indent, std::string* out);

// After "key:" or "-" on the same line, or below it.
void WriteMember(const Json& value, const std::string& indent, std::string* out) {
  if (!IsBlock(value)) {
    *out += " " + Scalar(value) + "\n";
    return;
  }
  *out += "\n";
  Write(value, value.is_array() ? indent : indent + "  ", out);
}

void Write(const Json& value, const std::string& indent, std::string* out) {
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      *out += indent + Scalar(key) + ":";
      WriteMember(member, indent, out);
    }
    return;
  }
  for (const Json& item : value) {
    if (!IsBlock(item)) {
      *out += indent + "- " + Scalar(item) + "\n";
      continue;
    }
    std::string inner;
    Write(item, indent + "  ", &inner);
    *out += indent + "- " + inner.substr(indent.size() + 2);  // the first line follows the dash
  }
}

}  // namespace

std::string ToYaml(const Json& value) {
  if (!IsBlock(value)) return Scalar(value) + "\n";
  std::string out;
  Write(value, "", &out);
  return out;
}

}  // namespace pannier::control
