#include "tests/support/fake_kube_api.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lib/core/time_text.h"
#include "lib/core/uuid.h"

namespace pannier::test {
namespace {

using Json = nlohmann::json;
using kube::ObjectKey;
using kube::Resource;
using kube::TextAt;
using kube::WatchSink;

std::string NameOf(const Resource& resource) {
  return std::string(resource.plural) + "." + std::string(resource.group);
}

std::string NameOf(const Resource& resource, const ObjectKey& key) {
  return NameOf(resource) + " " + key.ToString();
}

ObjectKey KeyOf(const Json& object) {
  return {TextAt(object, "/metadata/namespace"), TextAt(object, "/metadata/name")};
}

int64_t VersionOf(const Json& object) {
  return std::atoll(TextAt(object, "/metadata/resourceVersion").c_str());
}

// "a,b=c,d!=e": what the operator uses of selectors.
bool Matches(const Json& object, std::string_view selector) {
  while (!selector.empty()) {
    std::string_view term = selector.substr(0, selector.find(','));
    selector.remove_prefix(std::min(selector.size(), term.size() + 1));
    const size_t equals = term.find('=');
    const bool negates = equals != std::string_view::npos && equals > 0 && term[equals - 1] == '!';
    const std::string name(term.substr(0, negates ? equals - 1 : equals));
    const auto metadata = object.find("metadata");
    const Json labels = metadata == object.end() ? Json() : metadata->value("labels", Json());
    const bool has = labels.is_object() && labels.contains(name);
    if (equals == std::string_view::npos) {
      if (!has) return false;
      continue;
    }
    const bool is_equal = has && labels[name] == std::string(term.substr(equals + 1));
    if (is_equal == negates) return false;
  }
  return true;
}

Error Gone() { return Conflict("the version is too old"); }

// The merge of server-side apply, for one manager: `to` gets all of `from`.
void Merge(const Json& from, Json* to) {
  if (!from.is_object() || !to->is_object()) {
    *to = from;
    return;
  }
  for (const auto& [name, value] : from.items()) Merge(value, &(*to)[name]);
}

// Takes away what was applied before and is not any more.
void Withdraw(const Json& before, const Json& now, Json* from) {
  for (const auto& [name, value] : before.items()) {
    const auto at = from->find(name);
    if (at == from->end()) continue;
    if (!now.contains(name)) {
      from->erase(name);
    } else if (value.is_object() && now[name].is_object() && at->is_object()) {
      Withdraw(value, now[name], &*at);
    }
  }
}

// Spec and metadata may say what they like; these are the API's.
void KeepSystemFields(const Json& stored, Json* after) {
  for (const char* name :
       {"uid", "creationTimestamp", "generation", "deletionTimestamp", "namespace", "name"}) {
    if (stored["metadata"].contains(name)) {
      (*after)["metadata"][name] = stored["metadata"][name];
    } else {
      (*after)["metadata"].erase(name);
    }
  }
}

bool IsHeld(const Json& object) { return !object["metadata"].value("finalizers", Json()).empty(); }

}  // namespace

Status FakeKubeApi::Ask(std::string_view verb, const Resource& resource, const ObjectKey& key) {
  Before before;
  {
    MutexLock lock(mutex_);
    before = before_;
  }
  if (!before) return {};
  return before(verb, resource, key);
}

Result<Json> FakeKubeApi::Reply(std::string_view verb, Json answer) {
  if (loses_ && loses_(verb)) return Unavailable("the connection broke");
  return answer;
}

Result<Json*> FakeKubeApi::Find(const Resource& resource, const ObjectKey& key) {
  Objects& objects = objects_[NameOf(resource)];
  const auto found = objects.find(key);
  if (found == objects.end()) return NotFound("no " + NameOf(resource, key));
  return &found->second;
}

void FakeKubeApi::Tell(const Resource& resource, WatchSink::Type type, Json before, Json after) {
  events_.push_back({version_, NameOf(resource), type, std::move(before), std::move(after)});
  ++writes_;
  changed_.NotifyAll();
}

Json FakeKubeApi::Store(const Resource& resource, Json* stored, Json after) {
  KeepSystemFields(*stored, &after);
  after["metadata"]["resourceVersion"] = (*stored)["metadata"]["resourceVersion"];
  if (after == *stored) return after;
  if (after.value("spec", Json()) != stored->value("spec", Json())) {
    after["metadata"]["generation"] = (*stored)["metadata"].value("generation", 0) + 1;
  }
  after["metadata"]["resourceVersion"] = std::to_string(++version_);
  Json before = std::exchange(*stored, after);
  const bool has_gone = after["metadata"].contains("deletionTimestamp") && !IsHeld(after);
  if (has_gone) {
    objects_[NameOf(resource)].erase(KeyOf(after));
    applied_.erase(NameOf(resource, KeyOf(after)));
  }
  Tell(resource, has_gone ? WatchSink::Type::kDeleted : WatchSink::Type::kModified,
       std::move(before), after);
  return after;
}

Result<Json> FakeKubeApi::Get(const Resource& resource, const ObjectKey& key) {
  TRY(Ask("get", resource, key));
  MutexLock lock(mutex_);
  return Json(*TRY(Find(resource, key)));
}

Result<kube::ListPage> FakeKubeApi::List(const Resource& resource, const kube::ListRequest& request,
                                         const ItemSink& sink) {
  TRY(Ask("list", resource, {request.ns, ""}));
  std::vector<Json> items;
  kube::ListPage page;
  {
    MutexLock lock(mutex_);
    if (request.continue_token.empty()) {
      for (const auto& [key, object] : objects_[NameOf(resource)]) {
        const bool fits = request.ns.empty() || key.ns == request.ns;
        if (fits && Matches(object, request.label_selector)) items.push_back(object);
      }
      page.resource_version = std::to_string(version_);
    } else {
      const auto rest = rests_.find(request.continue_token);
      if (rest == rests_.end()) return Gone();
      items = rest->second;
      page.resource_version = request.continue_token.substr(0, request.continue_token.find('/'));
    }
    if (request.limit > 0 && items.size() > request.limit) {
      page.continue_token = page.resource_version + "/" + RandomHex(8);
      rests_[page.continue_token].assign(items.begin() + request.limit, items.end());
      items.resize(request.limit);
    }
  }
  for (Json& item : items) sink(item);
  return page;
}

bool FakeKubeApi::NextEvent(const Resource& resource, const kube::WatchRequest& request, size_t* at,
                            Event* event) {
  while (*at < events_.size()) {
    *event = events_[(*at)++];
    if (event->kind != NameOf(resource)) continue;
    if (event->version <= std::atoll(request.resource_version.c_str())) continue;
    if (!request.ns.empty() && KeyOf(event->after).ns != request.ns) continue;
    const bool fits = Matches(event->after, request.label_selector);
    const bool fitted = !event->before.is_null() && Matches(event->before, request.label_selector);
    if (!fits && !fitted) continue;
    // Who does not fit any more has gone as far as this reader can see.
    if (event->type == WatchSink::Type::kModified && fits != fitted) {
      event->type = fits ? WatchSink::Type::kAdded : WatchSink::Type::kDeleted;
    }
    return true;
  }
  return false;
}

Status FakeKubeApi::Watch(const Resource& resource, const kube::WatchRequest& request,
                          WatchSink& sink, std::stop_token stop) {
  TRY(Ask("watch", resource, {request.ns, ""}));
  const auto until = std::chrono::steady_clock::now() + request.timeout;
  size_t at = 0;
  MutexLock lock(mutex_);
  const int64_t round = watch_round_;
  if (std::atoll(request.resource_version.c_str()) < oldest_version_) return Gone();
  lock.Unlock();
  sink.OnOpen();
  lock.Lock();
  while (!stop.stop_requested() && std::chrono::steady_clock::now() < until) {
    Event event;
    if (NextEvent(resource, request, &at, &event)) {
      lock.Unlock();
      sink.OnEvent(event.type, event.after);
      lock.Lock();
      continue;
    }
    if (round != watch_round_) break;
    changed_.WaitFor(mutex_, std::chrono::milliseconds(5));
  }
  return {};
}

Result<Json> FakeKubeApi::Create(const Resource& resource, const Json& object) {
  Json created = object;
  Json& metadata = created["metadata"];
  if (TextAt(created, "/metadata/name").empty()) {
    metadata["name"] = TextAt(created, "/metadata/generateName") + RandomHex(3);
  }
  const ObjectKey key = KeyOf(created);
  TRY(Ask("create", resource, key));
  MutexLock lock(mutex_);
  Objects& objects = objects_[NameOf(resource)];
  if (objects.contains(key)) return Conflict(NameOf(resource, key) + " already exists");
  metadata["uid"] = Uuid::Random().ToString();
  metadata["creationTimestamp"] =
      FormatTime(WallTime(std::chrono::floor<std::chrono::seconds>(clock_.Now())));
  metadata["generation"] = 1;
  metadata["resourceVersion"] = std::to_string(++version_);
  metadata.erase("deletionTimestamp");
  created["apiVersion"] = resource.ApiVersion();
  created["kind"] = resource.kind;
  if (resource.group != "coordination.k8s.io") created.erase("status");
  objects[key] = created;
  Tell(resource, WatchSink::Type::kAdded, Json(), created);
  return Reply("create", std::move(created));
}

Result<Json> FakeKubeApi::Update(const Resource& resource, const Json& object) {
  const ObjectKey key = KeyOf(object);
  TRY(Ask("update", resource, key));
  MutexLock lock(mutex_);
  Json* const stored = TRY(Find(resource, key));
  const std::string version = TextAt(object, "/metadata/resourceVersion");
  if (!version.empty() && VersionOf(*stored) != VersionOf(object)) {
    return Conflict(NameOf(resource, key) + " has been modified");
  }
  Json after = object;
  after.erase("status");
  if (stored->contains("status")) after["status"] = (*stored)["status"];
  return Reply("update", Store(resource, stored, std::move(after)));
}

Status FakeKubeApi::Delete(const Resource& resource, const ObjectKey& key,
                           const kube::Preconditions& preconditions) {
  TRY(Ask("delete", resource, key));
  MutexLock lock(mutex_);
  Json* const stored = TRY(Find(resource, key));
  const bool fits =
      (preconditions.uid.empty() || preconditions.uid == TextAt(*stored, "/metadata/uid")) &&
      (preconditions.resource_version.empty() ||
       preconditions.resource_version == TextAt(*stored, "/metadata/resourceVersion"));
  if (!fits) return Conflict("a precondition of " + NameOf(resource, key) + " does not hold");
  Json after = *stored;
  if (after["metadata"].contains("deletionTimestamp")) return {};
  (*stored)["metadata"]["deletionTimestamp"] = after["metadata"]["deletionTimestamp"] =
      FormatTime(WallTime(std::chrono::floor<std::chrono::seconds>(clock_.Now())));
  after["metadata"]["annotations"]["test/deleted"] = "true";  // differs, so that it is stored
  const Result<Json> reply = Reply("delete", Store(resource, stored, std::move(after)));
  if (!reply.ok()) return reply.error();
  return {};
}

Result<Json> FakeKubeApi::PatchJson(const Resource& resource, const ObjectKey& key,
                                    const Json& operations) {
  TRY(Ask("patch", resource, key));
  MutexLock lock(mutex_);
  Json* const stored = TRY(Find(resource, key));
  Json after;
  try {
    after = stored->patch(operations);
  } catch (const Json::exception& error) {
    return InvalidArgument("patch " + NameOf(resource, key) + ": " + error.what());
  }
  return Reply("patch", Store(resource, stored, std::move(after)));
}

Result<Json> FakeKubeApi::Apply(const Resource& resource, const ObjectKey& key, const Json& object,
                                bool) {
  TRY(Ask("apply", resource, key));
  {
    MutexLock lock(mutex_);
    const std::string name = NameOf(resource, key);
    const Json last = std::exchange(applied_[name], object);
    if (objects_[NameOf(resource)].contains(key)) {
      Json* const stored = TRY(Find(resource, key));
      Json after = *stored;
      if (last.is_object()) Withdraw(last, object, &after);
      Merge(object, &after);
      return Reply("apply", Store(resource, stored, std::move(after)));
    }
  }
  Json fresh = object;
  fresh["metadata"]["name"] = key.name;
  if (!key.ns.empty()) fresh["metadata"]["namespace"] = key.ns;
  return Create(resource, fresh);
}

Result<Json> FakeKubeApi::PatchStatus(const Resource& resource, const ObjectKey& key,
                                      std::string_view resource_version, const Json& status) {
  TRY(Ask("status", resource, key));
  MutexLock lock(mutex_);
  Json* const stored = TRY(Find(resource, key));
  if (!resource_version.empty() &&
      resource_version != TextAt(*stored, "/metadata/resourceVersion")) {
    return Conflict(NameOf(resource, key) + " has been modified");
  }
  Json after = *stored;
  after.merge_patch({{"status", status}});
  return Reply("status", Store(resource, stored, std::move(after)));
}

Result<Json> FakeKubeApi::GetPath(std::string_view path) {
  TRY(Ask("get", Resource{}, {"", std::string(path)}));
  MutexLock lock(mutex_);
  const auto found = paths_.find(std::string(path));
  if (found == paths_.end()) return NotFound("no " + std::string(path));
  return found->second;
}

void FakeKubeApi::SetBefore(Before before) {
  MutexLock lock(mutex_);
  before_ = std::move(before);
}

void FakeKubeApi::SetLoses(Loses loses) {
  MutexLock lock(mutex_);
  loses_ = std::move(loses);
}

void FakeKubeApi::SetPath(const std::string& path, Json answer) {
  MutexLock lock(mutex_);
  paths_[path] = std::move(answer);
}

void FakeKubeApi::Compact() {
  MutexLock lock(mutex_);
  oldest_version_ = ++version_;
  rests_.clear();
}

void FakeKubeApi::EndWatches() {
  MutexLock lock(mutex_);
  ++watch_round_;
  changed_.NotifyAll();
}

int64_t FakeKubeApi::writes() const {
  MutexLock lock(mutex_);
  return writes_;
}

}  // namespace pannier::test
