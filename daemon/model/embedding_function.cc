#include "daemon/model/embedding_function.h"

#include <nlohmann/json.hpp>
#include <string>

namespace pannier::model {
namespace {

using Tree = nlohmann::json;

Result<std::string> ReadText(const Tree& object, const char* key, const std::string& path) {
  const auto found = object.find(key);
  if (found == object.end()) return Malformed(path + ": missing field `" + key + "`");
  if (!found->is_string()) return Malformed(path + "." + key + ": expected a string");
  return found->get<std::string>();
}

}  // namespace

Result<Tree> ReadEmbeddingFunction(const Tree& value, std::string_view path) {
  if (value.is_null()) return Tree();
  const std::string where(path);
  if (!value.is_object()) return Malformed(where + ": expected an object");
  const std::string type = TRY(ReadText(value, "type", where));
  if (type == "legacy" || type == "unknown") return Tree{{"type", type}};
  if (type != "known") {
    return Malformed(where + ".type: unknown variant `" + type +
                     "`, expected one of `legacy`, `known`, `unknown`");
  }
  const std::string name = TRY(ReadText(value, "name", where));
  const auto config = value.find("config");
  if (config == value.end()) return Malformed(where + ": missing field `config`");
  return Tree{{"type", type}, {"name", name}, {"config", *config}};
}

bool IsDefaultEmbeddingFunction(const Tree& embedding_function) {
  if (embedding_function.is_null()) return true;
  const Tree& type = embedding_function["type"];
  return type == "unknown" || (type == "known" && embedding_function["name"] == "default");
}

}  // namespace pannier::model
