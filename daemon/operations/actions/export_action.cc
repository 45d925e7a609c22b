// export: a store's content as JSON Lines, or into a running Chroma server.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"
#include "daemon/store/fork.h"
#include "daemon/store/offline_store.h"
#include "daemon/transfer/export.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using transfer::Transferred;

class Export final : public ActionRunner {
 public:
  explicit Export(Services& services) : services_(services) {}
  Status Check(const Request& request) override;
  std::vector<Hold> Holds(const Request& request) const override { return HoldsOfRequest(request); }
  Result<json> Run(Context& context) override;

 private:
  Result<Transferred> Write(Context& context, store::Store& store);

  Services& services_;
};

Status Export::Check(const Request& request) {
  TRY(FindDatabase(services_, *request.store));
  const auto file = TextOf(request.arguments, "file");
  const auto url = TextOf(request.arguments, "url");
  if (file.has_value() == url.has_value()) {
    return InvalidArgument("one of the members \"file\" and \"url\" is needed");
  }
  if (file && !file->starts_with('/')) {
    return InvalidArgument("the member \"file\" must be an absolute path",
                           "as the daemon sees it, which may be in a container");
  }
  for (const char* name : {"tenant", "database"}) {
    if (file && request.arguments.contains(name)) {
      return InvalidArgument("the member \"" + std::string(name) + "\" goes with \"url\"");
    }
  }
  return {};
}

Result<Transferred> Export::Write(Context& context, store::Store& store) {
  const Request& request = context.request();
  if (const auto file = TextOf(request.arguments, "file")) {
    return transfer::ExportJsonLines(store, services_.files, *file, context.Progress());
  }
  transfer::ChromaPlace place;
  place.url = *TextOf(request.arguments, "url");
  place.tenant = TextOf(request.arguments, "tenant").value_or(request.store->tenant);
  place.database = TextOf(request.arguments, "database").value_or(request.store->database);
  return transfer::ExportToChroma(store, place, context.Progress());
}

// From a copy, so that it is the store at one sequence whatever is written meanwhile.
Result<json> Export::Run(Context& context) {
  const Request& request = context.request();
  const store::StoreInfo info =
      TRY(services_.stores.Describe(request.store->tenant, request.store->database));
  context.SetPlan({{"store", ToString(*request.store)}, {"bytes", info.bytes_on_disk}});
  if (request.dry_run) return json::object();
  TRY(CheckRoom(services_, info.bytes_on_disk));
  const Staging staging = TRY(Staging::Make(services_, request.uid));
  const std::string folder = TRY(staging.MakeFolder("store"));
  TRY(context.Enter("copying"));
  {
    const store::StoreRef open = TRY(Acquire(services_, *request.store));
    TRY(store::CopyStore(*open, folder, services_.files, {context.deadline()}, context.Progress()));
  }
  const std::shared_ptr<store::Store> copy =
      TRY(store::OpenOfflineStore(folder, services_.settings.store, services_.files));
  TRY(context.Enter("writing"));
  const Transferred written = TRY(Write(context, *copy));
  services_.events.Normal("StoreExported", ToString(*request.store),
                          std::to_string(written.records) + " records were written");
  return json{{"collections", written.collections},
              {"records", written.records},
              {"bytes", written.bytes},
              {"messages", written.messages}};
}

}  // namespace

std::unique_ptr<ActionRunner> MakeExportAction(Services& services) {
  return std::make_unique<Export>(services);
}

}  // namespace pannier::operations
