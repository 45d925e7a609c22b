#include "tests/daemon/operations/machine.h"

#include <catch2/catch.hpp>
#include <thread>

#include "daemon/operations/actions/actions.h"
#include "lib/repository/volume_store.h"
#include "tests/daemon/operations/inline_children.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

constexpr char kTenant[] = "default_tenant";

Error Broken() { return Unavailable("the repository does not answer"); }

}  // namespace

// --- FlakyObjects ---

#define PANNIER_FLAKY(call)                  \
  const bool hit = fault_.Hit();             \
  if (hit && !fault_.after) return Broken(); \
  auto answer = inner_->call;                \
  if (hit) return Broken();                  \
  return answer

Status FlakyObjects::Put(const std::string& key, std::string_view bytes, IfPresent present,
                         SteadyTime deadline) {
  PANNIER_FLAKY(Put(key, bytes, present, deadline));
}
Result<std::string> FlakyObjects::Get(const std::string& key, uint64_t bytes_max,
                                      SteadyTime deadline) {
  PANNIER_FLAKY(Get(key, bytes_max, deadline));
}
Result<repository::ObjectInfo> FlakyObjects::Stat(const std::string& key, SteadyTime deadline) {
  PANNIER_FLAKY(Stat(key, deadline));
}
Status FlakyObjects::Delete(const std::string& key, SteadyTime deadline) {
  PANNIER_FLAKY(Delete(key, deadline));
}
Result<repository::ObjectPage> FlakyObjects::List(const std::string& prefix,
                                                  const std::string& after, SteadyTime deadline) {
  PANNIER_FLAKY(List(prefix, after, deadline));
}
Result<uint64_t> FlakyObjects::RemoveUnfinished(std::chrono::seconds older_than,
                                                SteadyTime deadline) {
  PANNIER_FLAKY(RemoveUnfinished(older_than, deadline));
}

#undef PANNIER_FLAKY

// --- Machine ---

Machine::Machine() = default;
Machine::~Machine() { Stop(); }

Status Machine::TryStart() {
  store::StoreOptions options;
  options.sqlite_vfs = vfs_.name();
  const std::string data = (files_.root() / "data").string();
  auto stores = TRY(store::Stores::Open(data, options, files_, SystemClock(), nullptr));
  const auto make = [this](const RepositorySettings& settings)
      -> Result<std::unique_ptr<repository::ObjectStore>> { return MakeObjects(settings); };
  repositories_ = std::make_unique<Repositories>(
      std::vector<RepositorySettings>{
          {.name = "r", .volume_path = (files_.root() / "repository").string(), .s3 = {}}},
      data + "/repositories.json", make, files_, SystemClock());
  ActionSettings settings;
  settings.data_dir = data;
  settings.version = "test";
  settings.transfers = 2;
  settings.spool_reserve_bytes = spool_reserve_bytes;
  settings.store = options;
  settings.run_child = run_child ? run_child : InlineChildren(files_, vfs_.name());
  stores_ = std::move(stores);
  sessions_ = std::make_unique<sessions::Registry>(
      *stores_, SystemClock(), sessions::Registry::Options(), sessions::Registry::Hooks());
  services_ =
      std::make_unique<Services>(Services{*stores_, *repositories_, finder_, events_, metrics_,
                                          files_, SystemClock(), *sessions_, settings});
  executor_ = std::make_unique<Executor>(stores_->journal(), MakeRunners(*services_), SystemClock(),
                                         ExecutorOptions{}, nullptr);
  const Status started = executor_->Start();
  if (!started.ok()) Stop();
  return started;
}

void Machine::Start() {
  const Status started = TryStart();
  CAPTURE(started.ok() ? "" : started.error().what);
  REQUIRE(started.ok());
}

void Machine::Stop() {
  executor_.reset();
  services_.reset();
  sessions_.reset();
  stores_.reset();
  repositories_.reset();
}

void Machine::Die(std::optional<uint64_t> partly) {
  files_.FailFrom(1);
  Stop();
  if (partly) {
    files_.CrashPartly(*partly);
  } else {
    files_.Crash();
  }
  files_.Heal();
  fault_.fail_at = 0;
}

std::unique_ptr<repository::ObjectStore> Machine::MakeObjects(const RepositorySettings& settings) {
  return std::make_unique<FlakyObjects>(
      std::make_unique<repository::VolumeStore>(settings.volume_path, files_, SystemClock()),
      fault_);
}

std::optional<Uuid> Machine::Submit(const json& body) {
  const Uuid uid = Uuid::Random();
  const auto submitted = executor_->Submit(uid, body.dump());
  return submitted.ok() ? std::optional(uid) : std::nullopt;
}

json Machine::Await(const Uuid& uid) {
  for (int i = 0; i < 60'000; ++i) {
    const auto shown = executor_->Show(uid);
    if (!shown.ok()) return nullptr;
    if (!(*shown)["endedAt"].is_null()) return *shown;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {{"state", "never ended"}};
}

json Machine::Do(const json& body) {
  const auto uid = Submit(body);
  REQUIRE(uid.has_value());
  const json ended = Await(*uid);
  CAPTURE(ended.dump());
  REQUIRE(ended["state"] == "Succeeded");
  return ended["result"];
}

void Machine::CreateDatabase(const std::string& database) {
  stores_->CreateDatabase(kTenant, database).value();
}

void Machine::Write(const std::string& database, const std::string& collection, int first,
                    int count, const std::string& word) {
  const store::StoreRef store = stores_->Acquire(kTenant, database).value();
  store::NewCollection wanted = store::Collection(collection);
  wanted.get_or_create = true;
  const Uuid id = store->CreateCollection(wanted, store::Patient()).value()->id;
  std::vector<store::Record> records;
  for (int i = first; i < first + count; ++i) {
    store::Record record;
    record.id = "r" + std::to_string(i);
    record.vector = {static_cast<float>(i), 1};
    record.document = word + std::to_string(i) + std::string(2'000, 'x');
    records.push_back(std::move(record));
  }
  store::Write(*store, id, model::WriteKind::kUpsert, records).value();
}

std::optional<Content> Machine::Read(const std::string& database) {
  const auto opened = stores_->Acquire(kTenant, database);
  if (opened.Is(Errc::kNotFound)) return std::nullopt;
  CAPTURE(database, opened.ok() ? "" : opened.error().what);
  REQUIRE(opened.ok());
  Content content;
  for (const store::CollectionPtr& each : (*opened)->ListCollections(std::nullopt, 0)) {
    auto& records = content[each->name];
    const std::vector<store::Record> seen = store::Get(**opened, each->id).value();
    for (const store::Record& record : seen) {
      records[record.id] = record.document.value_or("");
    }
  }
  return content;
}

}  // namespace pannier::operations
