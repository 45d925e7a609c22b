// RescueReport as JSON, and back.
#include <nlohmann/json.hpp>

#include "daemon/rescue/chroma_directory.h"
#include "lib/json/cold.h"

namespace pannier::rescue {
namespace {

using nlohmann::json;

json ToTree(const RescuedCollection& collection) {
  return {{"name", collection.name},
          {"id", collection.id},
          {"records", collection.records},
          {"withoutVector", collection.without_vector},
          {"incomplete", collection.incomplete},
          {"lost", collection.lost},
          {"messages", collection.messages}};
}

RescuedCollection CollectionFrom(const json& tree) {
  RescuedCollection collection;
  collection.name = tree.at("name").get<std::string>();
  collection.id = tree.at("id").get<std::string>();
  collection.records = tree.at("records").get<uint64_t>();
  collection.without_vector = tree.at("withoutVector").get<uint64_t>();
  collection.incomplete = tree.at("incomplete").get<uint64_t>();
  collection.lost = tree.at("lost").get<uint64_t>();
  collection.messages = tree.at("messages").get<std::vector<std::string>>();
  return collection;
}

}  // namespace

std::string ToJson(const RescueReport& report) {
  json databases = json::array();
  for (const RescuedDatabase& database : report.databases) {
    json collections = json::array();
    for (const RescuedCollection& collection : database.collections)
      collections.push_back(ToTree(collection));
    databases.push_back({{"store", database.tenant + "/" + database.database},
                         {"tenant", database.tenant},
                         {"database", database.database},
                         {"folder", database.folder},
                         {"collections", std::move(collections)}});
  }
  return pannier::json::Dump({{"databases", databases}, {"messages", report.messages}});
}

Result<RescueReport> ParseReport(std::string_view text) {
  const json tree = TRY(pannier::json::ParseCold(text));
  try {
    RescueReport report;
    report.messages = tree.at("messages").get<std::vector<std::string>>();
    for (const json& database : tree.at("databases")) {
      RescuedDatabase& rescued = report.databases.emplace_back();
      rescued.tenant = database.at("tenant").get<std::string>();
      rescued.database = database.at("database").get<std::string>();
      rescued.folder = database.at("folder").get<std::string>();
      for (const json& collection : database.at("collections"))
        rescued.collections.push_back(CollectionFrom(collection));
    }
    return report;
  } catch (const json::exception& error) {
    return Corruption(std::string("a report of an import: ") + error.what());
  }
}

}  // namespace pannier::rescue
