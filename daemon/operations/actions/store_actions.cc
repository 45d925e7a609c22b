// verify, rebuildIndex, compact, quarantine: what concerns one store as it is.
#include <algorithm>

#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

class OnStore : public ActionRunner {
 public:
  explicit OnStore(Services& services) : services_(services) {}
  Status Check(const Request& request) override {
    TRY(FindDatabase(services_, *request.store));
    return {};
  }
  std::vector<Hold> Holds(const Request& request) const override { return HoldsOfRequest(request); }
  Result<json> Run(Context& context) override {
    const StoreName& store = *context.request().store;
    const store::StoreInfo info = TRY(services_.stores.Describe(store.tenant, store.database));
    context.SetPlan({{"store", ToString(store)}, {"bytes", info.bytes_on_disk}});
    if (context.request().dry_run) return json::object();
    return Act(context, store);
  }

 protected:
  virtual Result<json> Act(Context& context, const StoreName& store) = 0;
  Services& services_;
};

// --- verify ---

json DamageJson(const store::Damage& damage) {
  return {{"collection", damage.collection},
          {"id", damage.id},
          {"record", damage.record < 0 ? json(nullptr) : json(damage.record)},
          {"what", damage.what}};
}

class VerifyStore final : public OnStore {
 public:
  using OnStore::OnStore;

 private:
  Result<json> Act(Context& context, const StoreName& store) override;
  Status Note(const StoreName& store, const store::CheckReport& report, bool full);
};

Status VerifyStore::Note(const StoreName& store, const store::CheckReport& report, bool full) {
  if (report.sound) {
    return full ? services_.stores.ClearDamaged(store.tenant, store.database) : Status();
  }
  const std::string what = report.damage.empty() ? "damaged" : report.damage.front().what;
  return services_.stores.MarkDamaged(store.tenant, store.database, what);
}

Result<json> VerifyStore::Act(Context& context, const StoreName& store) {
  const std::string level = TextOf(context.request().arguments, "level").value_or("Full");
  const bool full = level == "Full";
  const Staging staging = TRY(Staging::Make(services_, context.request().uid));
  const std::string folder = TRY(staging.MakeFolder("store"));
  TRY(context.Enter("copying"));
  TRY(CopyForReading(services_, context, store, folder));
  TRY(context.Enter("checking"));
  const store::CheckReport report =
      TRY(store::CheckStoreFile(folder, full ? store::CheckLevel::kFull : store::CheckLevel::kQuick,
                                services_.settings.store.sqlite_vfs, context.Progress()));
  TRY(Note(store, report, full));
  json damage = json::array();
  for (const store::Damage& each : report.damage) damage.push_back(DamageJson(each));
  return json{{"sound", report.sound},
              {"level", level},
              {"sequence", report.sequence},
              {"records", report.records},
              {"collections", report.collections},
              {"bytes", report.bytes},
              {"damage", damage},
              {"damageTotal", report.damage_total}};
}

// --- rebuildIndex, compact ---

class RebuildIndex final : public OnStore {
 public:
  using OnStore::OnStore;

 private:
  Result<json> Act(Context& context, const StoreName& store) override {
    TRY(context.Enter("rebuilding"));
    const store::StoreRef open = TRY(Acquire(services_, store));
    TRY(open->RebuildIndexes({context.deadline()}));
    return json{{"collections", open->CountCollections()}};
  }
};

class Compact final : public OnStore {
 public:
  using OnStore::OnStore;

 private:
  Result<uint64_t> BytesOf(const StoreName& store) {
    return TRY(services_.stores.Describe(store.tenant, store.database)).bytes_on_disk;
  }
  Result<json> Act(Context& context, const StoreName& store) override {
    TRY(context.Enter("compacting"));
    const store::StoreRef open = TRY(Acquire(services_, store));
    const uint64_t before = TRY(BytesOf(store));
    const uint64_t of_file = TRY(open->Compact({context.deadline()}));
    const uint64_t after = TRY(BytesOf(store));
    // The log goes into the file first: what it took is given back as well.
    return json{{"bytes", std::max(of_file, before > after ? before - after : 0)},
                {"bytesOnDisk", after}};
  }
};

// --- quarantine ---

constexpr const char* kIdle = "idle";

class QuarantineStore final : public OnStore {
 public:
  using OnStore::OnStore;
  Result<json> Run(Context& context) override {
    return context.happened() ? Answer(*context.request().store) : OnStore::Run(context);
  }

 private:
  Result<json> Act(Context& context, const StoreName& store) override;
  Status CheckSame(const Request& request, const StoreName& store);
  Result<json> Answer(const StoreName& store) {
    return json{{"quarantined", UuidJson(TRY(LastQuarantined(services_, store, kIdle)))}};
  }
};

Result<json> QuarantineStore::Act(Context& context, const StoreName& store) {
  const json& arguments = context.request().arguments;
  TRY(context.Enter("closing"));
  const store::WriteFence fence =
      TRY(services_.stores.FenceWrites(store.tenant, store.database, context.deadline()));
  TRY(CheckSame(context.request(), store));
  store::PutAsideOptions options;
  options.why = kIdle;
  options.unused_for = SecondsOf(arguments, "idleSeconds").value_or(std::chrono::seconds(0));
  if (const auto kept = SecondsOf(arguments, "quarantineSeconds")) {
    options.expires = services_.clock.Now() + *kept;
  }
  TRY(services_.stores.PutAside(context.request().uid, store.tenant, store.database, options,
                                context.deadline()));
  return Answer(store);
}

// That it is the one which whoever asks saw saved, and nothing was written since.
Status QuarantineStore::CheckSame(const Request& request, const StoreName& store) {
  const std::optional<Uuid> id = UuidOf(request.arguments, "id");
  if (id && TRY(FindDatabase(services_, store)).id != *id) {
    return Conflict("another store has this name by now", "look at it again");
  }
  const std::optional<uint64_t> wanted = CountOf(request.arguments, "sequence");
  if (!wanted) return {};
  const uint64_t newest = TRY(Acquire(services_, store))->sequence();
  if (newest == *wanted) return {};
  return Conflict(
      "the store is at sequence " + std::to_string(newest) + ", not " + std::to_string(*wanted),
      "take a snapshot of it first");
}

}  // namespace

std::unique_ptr<ActionRunner> MakeQuarantineAction(Services& services) {
  return std::make_unique<QuarantineStore>(services);
}
std::unique_ptr<ActionRunner> MakeVerifyAction(Services& services) {
  return std::make_unique<VerifyStore>(services);
}
std::unique_ptr<ActionRunner> MakeRebuildIndexAction(Services& services) {
  return std::make_unique<RebuildIndex>(services);
}
std::unique_ptr<ActionRunner> MakeCompactAction(Services& services) {
  return std::make_unique<Compact>(services);
}

}  // namespace pannier::operations
