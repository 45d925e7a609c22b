#include "cli/admin_commands.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "cli/daemon_client.h"
#include "cli/output.h"
#include "lib/json/cold.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

Result<json> AskAdmin(const Arguments& arguments, std::string_view method, const std::string& path,
                      const std::string& body = {}) {
  return Ask(TRY(AdminEndpoint(arguments)), method, "/admin/v1" + path, body);
}

// What the flags gave, as a part of a path or a query.
class Given {
 public:
  explicit Given(json body) : body_(std::move(body)) {}

  bool Has(const char* member) const { return body_.contains(member); }
  std::string Text(const char* member) const {
    const json value = body_.value(member, json());
    return PercentEncode(value.is_string() ? value.get<std::string>() : value.dump());
  }
  // "/" and the text.
  std::string Segment(const char* member) const { return "/" + Text(member); }
  // "?member=text", or nothing.
  std::string Query(const char* member) const {
    return Has(member) ? std::string("?") + member + "=" + Text(member) : std::string();
  }
  const json& body() const { return body_; }

 private:
  json body_;
};

// A list of the answer as a table, or the answer itself.
std::string Listed(const json& answer, Format format, const char* member,
                   const std::vector<Column>& columns) {
  if (format == Format::kJson) return ToJson(answer);
  if (format == Format::kYaml) return ToYaml(answer);
  return ToTable(answer.value(member, json::array()), columns);
}

std::string Shown(const json& answer, Format format) {
  if (format == Format::kJson) return ToJson(answer);
  if (format == Format::kYaml) return ToYaml(answer);
  return ToLines(answer);
}

// One object with a list of collections.
std::string WithCollections(const json& answer, Format format) {
  std::string text = Shown(answer, format);
  const json collections = answer.value("collections", json::array());
  if (format != Format::kTable || !collections.is_array() || collections.empty()) return text;
  return text + "\n" +
         ToTable(collections, {{"COLLECTION", "name"},
                               {"ID", "id"},
                               {"RECORDS", "records"},
                               {"DIMENSION", "dimension"}});
}

std::string DiffText(const json& answer, Format format) {
  std::string text = Shown(answer, format);
  if (format != Format::kTable) return text;
  const json changed = answer.value("collections", json::object());
  for (const char* how : {"added", "removed", "changed"}) {
    const json& place = answer.contains(how) ? answer : changed;
    if (!place.is_object() || !place.contains(how) || place[how].empty()) continue;
    text += "\n" + std::string(how) + ":\n";
    for (const json& collection : place[how]) {
      text += "  ";
      if (collection.is_string()) text += collection.get<std::string>();
      if (collection.is_object()) {
        for (const auto& [member, value] : collection.items())
          text +=
              member + " " + (value.is_string() ? value.get<std::string>() : value.dump()) + "  ";
      }
      text += "\n";
    }
  }
  return text;
}

Result<std::string> Snapshots(const Arguments& arguments, const Given& given) {
  const std::string base = "/repositories" + given.Segment("repository");
  switch (arguments.command) {
    case Command::kSnapshotList:
      return Listed(TRY(AskAdmin(arguments, "GET", base + "/snapshots" + given.Query("store"))),
                    arguments.format, "snapshots",
                    {{"UID", "uid"},
                     {"STORE", "store"},
                     {"SEQUENCE", "sequence"},
                     {"TIME", "time"},
                     {"RECORDS", "records"},
                     {"SIZE", "bytes"},
                     {"NEW", "newBytes"},
                     {"VERIFIED", "verified"},
                     {"HELD", "held"}});
    case Command::kSnapshotShow:
      return WithCollections(
          TRY(AskAdmin(arguments, "GET", base + "/snapshots" + given.Segment("uid"))),
          arguments.format);
    default:
      return DiffText(
          TRY(AskAdmin(arguments, "GET",
                       base + "/diff?from=" + given.Text("from") + "&to=" + given.Text("to"))),
          arguments.format);
  }
}

Result<std::string> Quarantine(const Arguments& arguments, const Given& given) {
  switch (arguments.command) {
    case Command::kQuarantineList:
      return Listed(TRY(AskAdmin(arguments, "GET", "/quarantine")), arguments.format, "quarantine",
                    {{"ID", "id"},
                     {"STORE", "store"},
                     {"WHY", "why"},
                     {"SINCE", "since"},
                     {"EXPIRES", "expires"},
                     {"SIZE", "bytes"}});
    case Command::kQuarantineRelease: {
      const json body{{"store", given.body().value("store", "")}};
      const json answer =
          TRY(AskAdmin(arguments, "POST", "/quarantine" + given.Segment("id") + "/release",
                       pannier::json::Dump(body)));
      if (arguments.format != Format::kTable) return Shown(answer, arguments.format);
      return body["store"].get<std::string>() + ": released\n";
    }
    default: {
      const json answer = TRY(AskAdmin(arguments, "DELETE", "/quarantine" + given.Segment("id")));
      if (arguments.format != Format::kTable) return Shown(answer, arguments.format);
      return given.Text("id") + ": removed\n";
    }
  }
}

Result<std::string> Operations(const Arguments& arguments, const Given& given) {
  if (arguments.command == Command::kOperationsList) {
    return Listed(TRY(AskAdmin(arguments, "GET", "/operations" + given.Query("limit"))),
                  arguments.format, "operations",
                  {{"UID", "uid"},
                   {"ACTION", "action"},
                   {"STORE", "store"},
                   {"STATE", "state"},
                   {"CREATED", "createdAt"},
                   {"ENDED", "endedAt"}});
  }
  const std::string path = "/operations" + given.Segment("uid");
  if (arguments.command == Command::kOperationsShow)
    return Shown(TRY(AskAdmin(arguments, "GET", path)), arguments.format);
  const json answer = TRY(AskAdmin(arguments, "POST", path + "/cancel", "{}"));
  if (arguments.format != Format::kTable) return Shown(answer, arguments.format);
  return given.Text("uid") + ": " + answer.value("state", "told to stop") + "\n";
}

std::string EventsTable(const json& answer, Format format) {
  return Listed(answer, format, "events",
                {{"NUMBER", "number"},
                 {"TIME", "time"},
                 {"TYPE", "type"},
                 {"REASON", "reason"},
                 {"STORE", "store"},
                 {"MESSAGE", "message"},
                 {"ACTION", "action"}});
}

}  // namespace

Result<std::string> RunAdmin(const Arguments& arguments) {
  const Given given(TRY(pannier::json::ParseCold(arguments.body)));
  switch (arguments.command) {
    case Command::kSnapshotList:
    case Command::kSnapshotShow:
    case Command::kSnapshotDiff:
      return Snapshots(arguments, given);
    case Command::kRepositoryList:
      return Listed(TRY(AskAdmin(arguments, "GET", "/repositories")), arguments.format,
                    "repositories",
                    {{"NAME", "name"},
                     {"TYPE", "type"},
                     {"LOCATION", "location"},
                     {"STATE", "state"},
                     {"MESSAGE", "message"}});
    case Command::kQuarantineList:
    case Command::kQuarantineRelease:
    case Command::kQuarantineDelete:
      return Quarantine(arguments, given);
    case Command::kOperationsList:
    case Command::kOperationsShow:
    case Command::kOperationsCancel:
      return Operations(arguments, given);
    case Command::kEvents:
      return EventsTable(TRY(AskAdmin(arguments, "GET", "/events" + given.Query("after"))),
                         arguments.format);
    default:
      return Internal("no such command");
  }
}

}  // namespace pannier::cli
