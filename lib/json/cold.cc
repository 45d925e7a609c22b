#include "lib/json/cold.h"

namespace pannier::json {

nlohmann::json ToCold(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull:
      return nullptr;
    case Kind::kBool:
      return value.AsBool();
    case Kind::kInt:
      return value.AsInt();
    case Kind::kDouble:
      // Configurations of embedding functions come back as sent, so their integers stay exact.
      if (const auto whole = value.AsUnsigned()) return *whole;
      return value.AsDouble();
    case Kind::kString:
      return std::string(value.AsString());
    case Kind::kArray: {
      nlohmann::json array = nlohmann::json::array();
      value.ForEachElement([&](Value element) {
        array.push_back(ToCold(element));
        return true;
      });
      return array;
    }
    case Kind::kObject: {
      nlohmann::json object = nlohmann::json::object();
      value.ForEachMember([&](std::string_view key, Value member) {
        object[std::string(key)] = ToCold(member);
        return true;
      });
      return object;
    }
  }
  return nullptr;
}

Result<nlohmann::json> ParseCold(std::string_view text) {
  BorrowedDocument document;
  return ToCold(TRY(document->ParseCopy(text)));
}

Result<nlohmann::json> ParseOwn(std::string_view text) {
  Document document(kOwnDepthMax);
  return ToCold(TRY(document.ParseCopy(text)));
}

std::string Dump(const nlohmann::json& tree) {
  return tree.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace pannier::json
