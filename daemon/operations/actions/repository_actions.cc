// repositoryInit, repositoryCheck, repositoryGc.
#include <map>
#include <set>

#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"
#include "lib/repository/garbage.h"
#include "lib/repository/retention.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using repository::Repository;

class OnRepository : public ActionRunner {
 public:
  explicit OnRepository(Services& services) : services_(services) {}
  Status Check(const Request& request) override {
    return services_.repositories.CheckName(request.repository);
  }
  std::vector<Hold> Holds(const Request& request) const override {
    return {RepositoryHold(request.repository, /*shared=*/true)};
  }

 protected:
  Services& services_;
};

class Init final : public OnRepository {
 public:
  using OnRepository::OnRepository;
  std::vector<Hold> Holds(const Request& request) const override {
    return {RepositoryHold(request.repository, /*shared=*/false)};
  }
  Result<json> Run(Context& context) override {
    const Request& request = context.request();
    context.SetPlan({{"repository", request.repository}});
    if (request.dry_run) return json::object();
    const auto repository =
        TRY(services_.repositories.Initialise(request.repository, context.deadline()));
    services_.events.Normal("RepositoryReady", "",
                            "repository " + request.repository + " is " +
                                repository->id().ToString() + " at " +
                                repository->objects().Describe());
    const auto snapshots = TRY(repository->List(Uuid(), Uuid(), context.deadline()));
    return json{{"id", repository->id().ToString()}, {"snapshots", snapshots.size()}, {"bytes", 0}};
  }
};

// Bytes of all objects, by listing them.
Result<uint64_t> BytesOf(Repository& repository, Context& context) {
  uint64_t bytes = 0, objects = 0;
  std::string after;
  const store::Progress progress = context.Progress();
  do {
    const repository::ObjectPage page =
        TRY(repository.objects().List("", after, context.deadline()));
    for (const repository::ObjectInfo& object : page.objects) bytes += object.bytes;
    objects += page.objects.size();
    after = page.next;
    if (!progress(objects, 0)) return DeadlineExceeded("stopped");
  } while (!after.empty());
  return bytes;
}

class Check final : public OnRepository {
 public:
  using OnRepository::OnRepository;
  Result<json> Run(Context& context) override {
    const Request& request = context.request();
    context.SetPlan({{"repository", request.repository}});
    if (request.dry_run) return json::object();
    const auto repository =
        TRY(services_.repositories.Open(request.repository, context.deadline()));
    TRY(context.Enter("listing"));
    services_.finder.Forget();
    const auto listing =
        TRY(services_.finder.List(*repository, std::nullopt, Uuid(), context.deadline()));
    const uint64_t bytes = TRY(BytesOf(*repository, context));
    return json{{"id", repository->id().ToString()}, {"snapshots", listing.snapshots.size()},
                {"unreadable", listing.unreadable},  {"sound", listing.unreadable == 0},
                {"messages", listing.broken},        {"bytes", bytes}};
  }
};

repository::RetentionRules RulesOf(const json& arguments) {
  repository::RetentionRules rules;
  const auto keep = arguments.find("keep");
  if (keep == arguments.end()) return rules;
  const auto number = [&](const char* name) {
    return static_cast<uint32_t>(std::min<uint64_t>(CountOf(*keep, name).value_or(0), 1u << 30));
  };
  rules.last = number("last");
  rules.hourly = number("hourly");
  rules.daily = number("daily");
  rules.weekly = number("weekly");
  rules.monthly = number("monthly");
  rules.within = std::chrono::seconds(number("withinSeconds"));
  return rules;
}

class Gc final : public OnRepository {
 public:
  using OnRepository::OnRepository;
  // Nobody reads or writes snapshots of it meanwhile, as far as this daemon knows; others are safe
  // by the grace.
  std::vector<Hold> Holds(const Request& request) const override {
    return {RepositoryHold(request.repository, /*shared=*/false)};
  }
  Result<json> Run(Context& context) override;

 private:
  Result<std::vector<FoundSnapshot>> Expired(Context& context, Repository& repository);
};

// By chain: each store's snapshots are kept or not among themselves.
Result<std::vector<FoundSnapshot>> Gc::Expired(Context& context, Repository& repository) {
  const repository::RetentionRules rules = RulesOf(context.request().arguments);
  std::vector<FoundSnapshot> expired;
  if (!rules.Any()) return expired;
  std::map<std::pair<Uuid, Uuid>, std::vector<FoundSnapshot>> chains;
  auto listing = TRY(services_.finder.List(repository, std::nullopt, Uuid(), context.deadline()));
  for (FoundSnapshot& each : listing.snapshots) {
    TRY(SnapshotFinder::ReadVerification(repository, each, context.deadline()));
    chains[{each.ref.owner, each.ref.store}].push_back(std::move(each));
  }
  for (auto& [id, snapshots] : chains) {
    std::vector<repository::RetentionItem> items;
    for (const FoundSnapshot& each : snapshots) {
      items.push_back({each.time, each.sound(), each.ref.held, /*pinned=*/false});
    }
    const std::vector<bool> kept = repository::PlanRetention(items, rules, services_.clock.Now());
    for (size_t i = 0; i < snapshots.size(); ++i) {
      if (!kept[i]) expired.push_back(std::move(snapshots[i]));
    }
  }
  return expired;
}

Result<json> Gc::Run(Context& context) {
  const Request& request = context.request();
  const auto repository = TRY(services_.repositories.Open(request.repository, context.deadline()));
  TRY(context.Enter("choosing"));
  const std::vector<FoundSnapshot> expired = TRY(Expired(context, *repository));
  json uids = json::array();
  for (const FoundSnapshot& each : expired) uids.push_back(each.ref.uid.ToString());
  context.SetPlan({{"repository", request.repository}, {"snapshots", uids}});
  repository::GarbageOptions options;
  options.dry_run = request.dry_run;
  if (const auto grace = CountOf(request.arguments, "graceSeconds")) {
    options.grace = std::chrono::seconds(std::min<uint64_t>(*grace, 1u << 30));
  }
  if (!request.dry_run) {
    TRY(context.Enter("deleting snapshots"));
    for (const FoundSnapshot& each : expired) {
      if (context.Stopped()) return DeadlineExceeded("stopped");
      const Status deleted = repository->Delete(each.ref, context.deadline());
      if (!deleted.ok() && !deleted.Is(Errc::kConflict)) return deleted.error();  // held meanwhile
    }
  }
  TRY(context.Enter("collecting"));
  const repository::GarbageReport report =
      TRY(repository::CollectGarbage(*repository, services_.clock, options, context.deadline()));
  return json{{"manifests", report.manifests},
              {"chunks", report.chunks},
              {"referenced", report.referenced},
              {"candidates", report.candidates},
              {"deleted", report.deleted},
              {"deletedBytes", report.deleted_bytes},
              {"missing", report.missing},
              {"snapshotsDeleted", request.dry_run ? 0 : expired.size()}};
}

}  // namespace

std::unique_ptr<ActionRunner> MakeRepositoryInitAction(Services& services) {
  return std::make_unique<Init>(services);
}
std::unique_ptr<ActionRunner> MakeRepositoryCheckAction(Services& services) {
  return std::make_unique<Check>(services);
}
std::unique_ptr<ActionRunner> MakeRepositoryGcAction(Services& services) {
  return std::make_unique<Gc>(services);
}

}  // namespace pannier::operations
