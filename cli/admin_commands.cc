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

// "name records 3 …": a collection that two snapshots differ in.
std::string DiffLine(const json& collection) {
  if (!collection.is_object()) return "  " + collection.dump() + "\n";
  std::string line = "  " + collection.value("name", "?");
  for (const auto& [member, value] : collection.items()) {
    if (member == "name" || value.is_null()) continue;
    line += "  " + member + " " + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return line + "\n";
}

std::string DiffText(const json& answer, Format format) {
  std::string text = Shown(answer, format);
  if (format != Format::kTable) return text;
  const json collections = answer.value("collections", json::object());
  for (const char* how : {"added", "removed", "changed"}) {
    const json list = collections.is_object() ? collections.value(how, json()) : json();
    if (!list.is_array() || list.empty()) continue;
    text += "\ncollections " + std::string(how) + ":\n";
    for (const json& collection : list) text += DiffLine(collection);
  }
  return text;
}

// Those that could not be read are in no row, and must not be missed.
std::string SnapshotsText(const json& answer, Format format, const Given& given) {
  std::string text = Listed(answer, format, "snapshots",
                            {{"UID", "uid"},
                             {"STORE", "store"},
                             {"SEQUENCE", "sequence"},
                             {"TIME", "time"},
                             {"RECORDS", "records"},
                             {"SIZE", "bytes"},
                             {"NEW", "newBytes"},
                             {"VERIFIED", "verified"},
                             {"HELD", "held"},
                             {"OWNER", "owner"}});
  const json unreadable = answer.value("unreadable", json());
  if (format != Format::kTable || !unreadable.is_number_integer() || unreadable == 0) return text;
  return text + (unreadable == 1 ? "1 manifest" : unreadable.dump() + " manifests") +
         " cannot be read: `pannierctl repository check --repository " +
         given.body().value("repository", "NAME") + " --wait` says which\n";
}

Result<std::string> Snapshots(const Arguments& arguments, const Given& given) {
  const std::string base = "/repositories" + given.Segment("repository");
  switch (arguments.command) {
    case Command::kSnapshotList:
      return SnapshotsText(
          TRY(AskAdmin(arguments, "GET", base + "/snapshots" + given.Query("store"))),
          arguments.format, given);
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

Result<std::string> Sessions(const Arguments& arguments, const Given& given) {
  if (arguments.command == Command::kSessionsList) {
    return Listed(TRY(AskAdmin(arguments, "GET", "/sessions")), arguments.format, "sessions",
                  {{"UID", "uid"},
                   {"ID", "id"},
                   {"NAME", "name"},
                   {"OWNER", "owner"},
                   {"LAST-ACTIVITY", "lastActivity"},
                   {"IDLE-SECONDS", "idleSeconds"},
                   {"STORES", "stores"}});
  }
  const json answer = TRY(AskAdmin(arguments, "DELETE", "/sessions" + given.Segment("uid")));
  if (arguments.format != Format::kTable) return Shown(answer, arguments.format);
  return given.Text("uid") + ": ended; temporary stores removed: " +
         std::to_string(answer.value("temporaryStoresRemoved", 0)) + "\n";
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

Result<std::string> Mode(const Arguments& arguments, const Given& given) {
  if (arguments.command == Command::kModeShow) {
    return Shown(TRY(AskAdmin(arguments, "GET", "/mode")), arguments.format);
  }
  json body = given.body();
  body["mode"] = arguments.command == Command::kModeNormal ? "normal" : "read-only";
  return Shown(TRY(AskAdmin(arguments, "PUT", "/mode", body.dump())), arguments.format);
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
    case Command::kSessionsList:
    case Command::kSessionsEnd:
      return Sessions(arguments, given);
    case Command::kEvents:
      return EventsTable(TRY(AskAdmin(arguments, "GET", "/events" + given.Query("after"))),
                         arguments.format);
    case Command::kModeShow:
    case Command::kModeNormal:
    case Command::kModeReadOnly:
      return Mode(arguments, given);
    default:
      return Internal("no such command");
  }
}

}  // namespace pannier::cli
