#include "daemon/operations/repositories.h"

#include <nlohmann/json.hpp>

#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using repository::ObjectStore;
using repository::Repository;

constexpr uint64_t kMemoryBytesMax = 1 << 20;

std::string StateOf(const Error& error) {
  if (error.code == Errc::kNotFound) return "NotInitialised";
  const bool refused = error.code == Errc::kConflict || error.code == Errc::kInvalidArgument ||
                       error.code == Errc::kCorruption;
  return refused ? "Refused" : "Unavailable";
}

}  // namespace

Repositories::Repositories(std::vector<RepositorySettings> settings, std::string memory,
                           MakeObjects make, file::FileSystem& files, const Clock& clock)
    : memory_(std::move(memory)), make_(std::move(make)), files_(files), clock_(clock) {
  for (RepositorySettings& each : settings) {
    auto entry = std::make_unique<Entry>();
    entry->settings = std::move(each);
    entries_.push_back(std::move(entry));
  }
  Recall();
}

Repositories::~Repositories() = default;

// A file that cannot be read is as none: identities are learnt anew.
void Repositories::Recall() {
  const Result<std::string> text = file::ReadFile(files_, memory_, kMemoryBytesMax);
  if (!text.ok()) return;
  const Result<json> tree = pannier::json::ParseCold(*text);
  if (!tree.ok() || !tree->is_object()) return;
  for (const auto& entry : entries_) {
    const auto found = tree->find(entry->settings.name);
    if (found != tree->end() && found->is_string()) {
      entry->id = Uuid::Parse(found->get<std::string>());
    }
  }
}

Status Repositories::Remember() {
  const MutexLock writing(writing_);
  json tree = json::object();
  {
    MutexLock lock(mutex_);
    for (const auto& entry : entries_) {
      if (entry->id) tree[entry->settings.name] = entry->id->ToString();
    }
  }
  return file::ReplaceFile(files_, memory_, pannier::json::Dump(tree) + "\n");
}

Repositories::Entry* Repositories::Find(const std::string& name) const {
  for (const auto& entry : entries_) {
    if (entry->settings.name == name) return entry.get();
  }
  return nullptr;
}

Status Repositories::CheckName(const std::string& name) const {
  if (Find(name) != nullptr) return {};
  std::string known;
  for (const auto& entry : entries_) known += (known.empty() ? "" : ", ") + entry->settings.name;
  return NotFound("there is no repository \"" + name + "\"",
                  known.empty() ? "add it to `repositories` of the configuration"
                                : "known repositories: " + known);
}

Result<ObjectStore*> Repositories::Objects(Entry& entry) {
  {
    MutexLock lock(mutex_);
    if (entry.objects) return entry.objects.get();
  }
  std::unique_ptr<ObjectStore> made = TRY(make_(entry.settings));
  MutexLock lock(mutex_);
  if (!entry.objects) entry.objects = std::move(made);
  return entry.objects.get();
}

Result<std::unique_ptr<Repository>> Repositories::Keep(Entry& entry,
                                                       Result<std::unique_ptr<Repository>> opened,
                                                       bool adopt) {
  bool learnt = false;
  {
    MutexLock lock(mutex_);
    entry.state = opened.ok() ? "Ready" : StateOf(opened.error());
    entry.message = opened.ok() ? "" : opened.error().what;
    if (opened.ok() && (adopt || !entry.id) && entry.id != (*opened)->id()) {
      entry.id = (*opened)->id();
      learnt = true;
    }
  }
  if (learnt) TRY(Remember().Context("note the repository's identity"));
  return std::move(opened).Context("repository " + entry.settings.name);
}

Result<std::unique_ptr<Repository>> Repositories::Open(const std::string& name,
                                                       SteadyTime deadline) {
  TRY(CheckName(name));
  Entry& entry = *Find(name);
  std::optional<Uuid> expected;
  {
    MutexLock lock(mutex_);
    expected = entry.id;
  }
  const Result<ObjectStore*> objects = Objects(entry);
  if (!objects.ok()) return Keep(entry, objects.error(), false);
  Result<std::unique_ptr<Repository>> opened =
      Repository::Open(**objects, clock_, expected, deadline);
  if (opened.Is(Errc::kNotFound) && expected) {
    opened = Conflict((*objects)->Describe() + " is empty, and was repository " +
                          expected->ToString() + " before",
                      "check that the volume is mounted and the bucket is the right one; "
                      "`pannierctl repository init` begins a new one");
  }
  return Keep(entry, std::move(opened), false);
}

Result<std::unique_ptr<Repository>> Repositories::Initialise(const std::string& name,
                                                             SteadyTime deadline) {
  TRY(CheckName(name));
  Entry& entry = *Find(name);
  const Result<ObjectStore*> objects = Objects(entry);
  if (!objects.ok()) return Keep(entry, objects.error(), false);
  return Keep(entry, Repository::Initialise(**objects, clock_, deadline), true);
}

std::vector<RepositoryState> Repositories::List(bool look, SteadyTime deadline) {
  std::vector<RepositoryState> list;
  for (const auto& entry : entries_) {
    if (look && clock_.Steady() < deadline) {
      [[maybe_unused]] const auto opened = Open(entry->settings.name, deadline);
    }
    RepositoryState state;
    state.name = entry->settings.name;
    state.type = entry->settings.type();
    MutexLock lock(mutex_);
    state.location = entry->objects ? entry->objects->Describe() : entry->settings.volume_path;
    state.state = entry->state;
    state.id = entry->id.value_or(Uuid());
    state.message = entry->message;
    list.push_back(std::move(state));
  }
  return list;
}

std::map<std::string, Repositories::Health> Repositories::health() const {
  std::map<std::string, Health> health = {{"volume", {}}, {"s3", {}}};
  MutexLock lock(mutex_);
  for (const auto& entry : entries_) {
    Health& type = health[std::string(entry->settings.type())];
    ++type.configured;
    if (entry->state == "Ready") ++type.up;
  }
  return health;
}

}  // namespace pannier::operations
