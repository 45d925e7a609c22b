// import: the databases of a Chroma 1.x persist directory, or an export, become stores.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"
#include "daemon/rescue/chroma_directory.h"
#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using rescue::RescuedDatabase;

class Import final : public ActionRunner {
 public:
  explicit Import(Services& services) : services_(services) {}
  Status Check(const Request& request) override;
  std::vector<Hold> Holds(const Request& request) const override {
    return request.store ? HoldsOfStore(*request.store)
                         : std::vector<Hold>{AllStoresHold(/*shared=*/true)};
  }
  Result<json> Run(Context& context) override;

 private:
  Result<rescue::RescueReport> Rescue(Context& context, const std::string& target);
  Result<StoreName> NameFor(const Request& request, const RescuedDatabase& database, size_t count);
  Status Bring(Context& context, const RescuedDatabase& database, const StoreName& name);
  Status Place(Context& context, const Uuid& part, const RescuedDatabase& database,
               const StoreName& name);
  Result<bool> IsEmpty(const StoreName& store);

  Services& services_;
};

Status Import::Check(const Request& request) {
  if (request.store && !TRY(DatabaseExists(services_, *request.store))) {
    TRY(CheckNewName(*request.store, "store"));
  }
  if (TextOf(request.arguments, "directory")->starts_with('/')) return {};
  return InvalidArgument("the member \"directory\" must be an absolute path",
                         "as the daemon sees it, which may be in a container");
}

// What Chroma's files make a reader do is done in a child.
Result<rescue::RescueReport> Import::Rescue(Context& context, const std::string& target) {
  const json arguments = {{"directory", *TextOf(context.request().arguments, "directory")},
                          {"target", target}};
  const std::string text = TRY(
      services_.settings.run_child("rescue", pannier::json::Dump(arguments), context.Progress()));
  return rescue::ParseReport(text);
}

Result<StoreName> Import::NameFor(const Request& request, const RescuedDatabase& database,
                                  size_t count) {
  if (!request.store && database.database.empty()) {
    return InvalidArgument("the member \"store\" is missing",
                           "an export does not say which store it was");
  }
  if (!request.store) return StoreName{database.tenant, database.database};
  if (count == 1) return *request.store;
  return InvalidArgument("the directory holds " + std::to_string(count) +
                             " databases, and the member \"store\" names one",
                         "leave it out: each database keeps its name");
}

Result<bool> Import::IsEmpty(const StoreName& store) {
  return TRY(Acquire(services_, store))->CountCollections() == 0;
}

Status Import::Bring(Context& context, const RescuedDatabase& database, const StoreName& name) {
  PartOperation part(services_, context.request().uid, ToString(name));
  const json shown = {{"action", "import"},
                      {"store", ToString(name)},
                      {"directory", *TextOf(context.request().arguments, "directory")}};
  if (TRY(part.Begin(shown))) return {};
  Status placed = Place(context, part.uid(), database, name);
  if (placed.ok()) return part.NoteDone();
  part.NoteFailed(placed.error());
  return placed;
}

Status Import::Place(Context& context, const Uuid& part, const RescuedDatabase& database,
                     const StoreName& name) {
  if (TRY(DatabaseExists(services_, name)) && !TRY(IsEmpty(name))) {
    return Conflict("store " + ToString(name) + " exists and is not empty",
                    "import under another name (\"store\"), then merge");
  }
  TRY(PutInPlace(services_, part, name, database.folder, "import", services_.settings.quarantine,
                 context.deadline()));
  return {};
}

json CollectionsJson(const RescuedDatabase& database) {
  json collections = json::array();
  for (const rescue::RescuedCollection& each : database.collections) {
    collections.push_back({{"name", each.name},
                           {"id", each.id},
                           {"records", each.records},
                           {"withoutVector", each.without_vector},
                           {"incomplete", each.incomplete},
                           {"lost", each.lost},
                           {"messages", each.messages}});
  }
  return collections;
}

Result<json> Import::Run(Context& context) {
  const Request& request = context.request();
  context.SetPlan({{"directory", *TextOf(request.arguments, "directory")}});
  const Staging staging = TRY(Staging::Make(services_, request.uid));
  const std::string target = TRY(staging.MakeFolder("rescued"));
  TRY(context.Enter("reading"));
  const rescue::RescueReport report = TRY(Rescue(context, target));
  json databases = json::array();
  std::vector<StoreName> names;
  for (const RescuedDatabase& each : report.databases) {
    names.push_back(TRY(NameFor(request, each, report.databases.size())));
    databases.push_back(
        {{"store", ToString(names.back())}, {"collections", CollectionsJson(each)}});
  }
  json shown = {{"databases", databases}, {"messages", report.messages}};
  context.SetPlan(shown);
  if (request.dry_run) return shown;
  TRY(services_.files.SyncDirectory(target));
  TRY(services_.files.SyncDirectory(staging.path()));
  TRY(context.Enter("bringing in"));
  for (size_t i = 0; i < names.size(); ++i) {
    TRY(Bring(context, report.databases[i], names[i]));
    services_.events.Normal("StoreImported", ToString(names[i]), "came from a Chroma directory");
  }
  return shown;
}

}  // namespace

std::unique_ptr<ActionRunner> MakeImportAction(Services& services) {
  return std::make_unique<Import>(services);
}

}  // namespace pannier::operations
