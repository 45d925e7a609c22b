// The report as JSON, and back.
#include <nlohmann/json.hpp>

#include "daemon/salvage/salvage.h"
#include "lib/json/cold.h"

namespace pannier::salvage {

using nlohmann::json;

std::string ReportToJson(const Report& report) {
  json lost = json::array();
  for (const LostRecord& each : report.lost) {
    lost.push_back({{"collection", each.collection}, {"id", each.id}, {"record", each.record}});
  }
  return pannier::json::Dump({{"collections", report.collections},
                              {"records", report.records},
                              {"fromSnapshot", report.from_snapshot},
                              {"lostTotal", report.lost_total},
                              {"lost", std::move(lost)},
                              {"lostExact", report.lost_exact},
                              {"messages", report.messages},
                              {"sequence", report.sequence}});
}

Result<Report> ReportFromJson(std::string_view text) {
  const json tree = TRY(pannier::json::ParseCold(text));
  try {
    Report report;
    report.collections = tree.at("collections").get<uint64_t>();
    report.records = tree.at("records").get<uint64_t>();
    report.from_snapshot = tree.at("fromSnapshot").get<uint64_t>();
    report.lost_total = tree.at("lostTotal").get<uint64_t>();
    for (const json& each : tree.at("lost")) {
      report.lost.push_back({each.at("collection").get<std::string>(),
                             each.at("id").get<std::string>(), each.at("record").get<int64_t>()});
    }
    report.lost_exact = tree.at("lostExact").get<bool>();
    report.messages = tree.at("messages").get<std::vector<std::string>>();
    report.sequence = tree.at("sequence").get<uint64_t>();
    return report;
  } catch (const json::exception& error) {
    return Internal(std::string("not the report of a salvage: ") + error.what());
  }
}

}  // namespace pannier::salvage
