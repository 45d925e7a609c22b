#include "daemon/operations/operation.h"

#include <algorithm>
#include <map>

#include "daemon/operations/members.h"
#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using Kind = MemberKind;

constexpr uint64_t kTimeoutMax = 7 * 24 * 3600;

enum class Need { kNone, kOptional, kRequired };

// What requests of one action look like.
struct Shape {
  Action action;
  std::string_view name;
  Need store;
  Need repository;
  std::vector<Member> members;
};

Member Choice(std::string_view name, std::vector<std::string_view> choices) {
  return {.name = name, .kind = Kind::kChoice, .choices = std::move(choices)};
}

Member Required(std::string_view name, Kind kind) {
  return {.name = name, .kind = kind, .required = true};
}

Member Optional(std::string_view name, Kind kind) { return {.name = name, .kind = kind}; }

// Of a repository that is reached by granted URLs.
std::vector<Member> WithGrants(std::vector<Member> members) {
  members.push_back(Optional("grants", Kind::kFlag));
  members.push_back(Optional("manifests", Kind::kTexts));
  members.push_back(Optional("repositoryID", Kind::kUuid));
  return members;
}

std::vector<Shape> SnapshotShapes() {
  return {
      {Action::kSnapshot,
       "snapshot",
       Need::kRequired,
       Need::kOptional,
       {Choice("verification", {"Manifest", "Deep"}),
        Choice("includeIndex", {"Always", "IfClean", "Never"}), Optional("grants", Kind::kFlag),
        Optional("parentKey", Kind::kText), Optional("repositoryID", Kind::kUuid),
        Optional("owner", Kind::kUuid), Optional("origin", Kind::kText)}},
      {Action::kSnapshotVerify, "snapshotVerify", Need::kNone, Need::kOptional,
       WithGrants({Required("snapshot", Kind::kUuid), Choice("level", {"Manifest", "Deep"})})},
      {Action::kSnapshotHold,
       "snapshotHold",
       Need::kNone,
       Need::kRequired,
       {Required("snapshot", Kind::kUuid), Required("hold", Kind::kFlag)}},
      {Action::kSnapshotDelete,
       "snapshotDelete",
       Need::kNone,
       Need::kRequired,
       {Required("snapshot", Kind::kUuid)}},
      {Action::kRestore, "restore", Need::kOptional, Need::kOptional,
       WithGrants({Optional("snapshot", Kind::kUuid), Optional("sequence", Kind::kCount),
                   Optional("at", Kind::kTime), Optional("latest", Kind::kFlag),
                   Optional("to", Kind::kStore), Optional("collection", Kind::kText),
                   Optional("all", Kind::kFlag), Optional("owner", Kind::kUuid),
                   Optional("quarantineSeconds", Kind::kCount)})},
  };
}

std::vector<Shape> RepositoryShapes() {
  Member keep = Optional("keep", Kind::kObject);
  for (const char* rule : {"last", "hourly", "daily", "weekly", "monthly", "withinSeconds"}) {
    keep.members.push_back(Optional(rule, Kind::kCount));
  }
  return {
      {Action::kRepositoryInit, "repositoryInit", Need::kNone, Need::kRequired, {}},
      {Action::kRepositoryCheck, "repositoryCheck", Need::kNone, Need::kRequired, {}},
      {Action::kRepositoryGc,
       "repositoryGc",
       Need::kNone,
       Need::kRequired,
       {Optional("graceSeconds", Kind::kCount), keep}},
  };
}

std::vector<Shape> StoreShapes() {
  return {
      {Action::kVerify,
       "verify",
       Need::kRequired,
       Need::kNone,
       {Choice("level", {"Quick", "Full"})}},
      {Action::kRebuildIndex, "rebuildIndex", Need::kRequired, Need::kNone, {}},
      {Action::kSalvage, "salvage", Need::kRequired, Need::kOptional,
       WithGrants({Optional("automatic", Kind::kFlag)})},
      {Action::kCompact, "compact", Need::kRequired, Need::kNone, {}},
      {Action::kMerge,
       "merge",
       Need::kRequired,
       Need::kNone,
       {Required("from", Kind::kStore), Choice("onConflict", {"Keep", "Replace", "Newest"})}},
      {Action::kFork, "fork", Need::kRequired, Need::kNone, {Required("to", Kind::kStore)}},
      {Action::kExport,
       "export",
       Need::kRequired,
       Need::kNone,
       {Optional("file", Kind::kText), Optional("url", Kind::kText),
        Optional("tenant", Kind::kText), Optional("database", Kind::kText)}},
      {Action::kImport,
       "import",
       Need::kOptional,
       Need::kNone,
       {Required("directory", Kind::kText)}},
  };
}

std::vector<Shape> RemovalShapes() {
  return {
      {Action::kQuarantine,
       "quarantine",
       Need::kRequired,
       Need::kNone,
       {Optional("id", Kind::kUuid), Optional("sequence", Kind::kCount),
        Optional("idleSeconds", Kind::kCount), Optional("quarantineSeconds", Kind::kCount)}},
      {Action::kSweep,
       "sweep",
       Need::kNone,
       Need::kNone,
       {Choice("mode", {"Report", "Quarantine", "Delete"}),
        Choice("what", {"All", "Files", "Sessions"}), Optional("graceSeconds", Kind::kCount),
        Optional("sessionIdleSeconds", Kind::kCount), Optional("sessions", Kind::kUuids)}},
  };
}

const std::vector<Shape>& Shapes() {
  static const std::vector<Shape> kShapes = [] {
    std::vector<Shape> all = SnapshotShapes();
    for (Shape& shape : RepositoryShapes()) all.push_back(std::move(shape));
    for (Shape& shape : StoreShapes()) all.push_back(std::move(shape));
    for (Shape& shape : RemovalShapes()) all.push_back(std::move(shape));
    return all;
  }();
  return kShapes;
}

Result<const Shape*> ShapeOf(const json& body) {
  const auto action = body.find("action");
  if (action == body.end() || !action->is_string()) {
    return InvalidArgument("the member \"action\" is missing");
  }
  std::string names;
  for (const Shape& shape : Shapes()) {
    if (*action == shape.name) return &shape;
    names += (names.empty() ? "" : ", ") + std::string(shape.name);
  }
  return InvalidArgument(
      "the member \"action\": there is no \"" + action->get<std::string>().substr(0, 64) + "\"",
      "actions: " + names);
}

std::vector<Member> MembersOf(const Shape& shape) {
  std::vector<Member> members = {Required("action", Kind::kText), Optional("epoch", Kind::kCount),
                                 Optional("timeoutSeconds", Kind::kCount),
                                 Optional("dryRun", Kind::kFlag)};
  if (shape.store != Need::kNone) {
    members.push_back(
        {.name = "store", .kind = Kind::kStore, .required = shape.store == Need::kRequired});
  }
  if (shape.repository != Need::kNone) {
    members.push_back({.name = "repository",
                       .kind = Kind::kText,
                       .required = shape.repository == Need::kRequired});
  }
  members.insert(members.end(), shape.members.begin(), shape.members.end());
  return members;
}

// What makes two requests the same: not the epoch, under which a new leader asks again.
std::string CanonicalOf(const Request& request) {
  json canonical = request.arguments;
  canonical["action"] = ToString(request.action);
  if (request.store) {
    canonical["store"] = {{"tenant", request.store->tenant}, {"database", request.store->database}};
  }
  if (!request.repository.empty()) canonical["repository"] = request.repository;
  if (request.dry_run) canonical["dryRun"] = true;
  canonical["timeoutSeconds"] = request.timeout.count();
  return pannier::json::Dump(canonical);
}

}  // namespace

std::string_view ToString(Action action) {
  for (const Shape& shape : Shapes()) {
    if (shape.action == action) return shape.name;
  }
  return "unknown";
}

std::string_view ToString(State state) {
  switch (state) {
    case State::kPending:
      return "Pending";
    case State::kRunning:
      return "Running";
    case State::kAwaitingGrants:
      return "AwaitingGrants";
    case State::kSucceeded:
      return "Succeeded";
    case State::kFailed:
      return "Failed";
    case State::kCancelled:
      return "Cancelled";
  }
  return "unknown";
}

Result<Request> ParseRequest(const Uuid& uid, std::string_view body) {
  const json tree = TRY(ParseObject(body));
  const Shape& shape = *TRY(ShapeOf(tree));
  TRY(CheckMembers(tree, MembersOf(shape)));
  Request request;
  request.uid = uid;
  request.action = shape.action;
  request.epoch = CountOf(tree, "epoch");
  request.store = StoreOf(tree, "store");
  request.repository = TextOf(tree, "repository").value_or("");
  request.dry_run = FlagOf(tree, "dryRun", false);
  const auto timeout = CountOf(tree, "timeoutSeconds");
  if (timeout && (*timeout == 0 || *timeout > kTimeoutMax)) {
    return InvalidArgument("the member \"timeoutSeconds\" must be from 1 to 604800");
  }
  if (timeout) request.timeout = std::chrono::seconds(*timeout);
  request.arguments = json::object();
  for (const Member& member : shape.members) {
    const auto found = tree.find(std::string(member.name));
    if (found != tree.end() && !found->is_null()) request.arguments[found.key()] = *found;
  }
  request.canonical = CanonicalOf(request);
  return request;
}

}  // namespace pannier::operations
