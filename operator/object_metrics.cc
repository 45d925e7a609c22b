#include "operator/object_metrics.h"

#include <map>

namespace pannier::control {
namespace {

using metrics::Labels;

double SecondsOf(const std::optional<WallTime>& time) {
  if (!time) return 0;
  return std::chrono::duration<double>(time->time_since_epoch()).count();
}

// Writes down what an object says.
class Lines {
 public:
  explicit Lines(ObjectLines* lines) : lines_(lines) {}
  void Gauge(std::string_view name, std::string_view help, double value, const Labels& labels) {
    if (lines_->parts.empty() || lines_->parts.back().name != name) {
      lines_->parts.push_back({name, help, ""});
    }
    lines_->parts.back().lines += metrics::GaugeLine(name, value, labels);
  }

 private:
  ObjectLines* const lines_;
};

void Say(const VectorStore& store, Lines& sink) {
  const Labels who = {{"namespace", store.meta.name_space}, {"vectorstore", store.meta.name}};
  const auto stores = [&](const char* state, int64_t count) {
    Labels labels = who;
    labels.emplace_back("state", state);
    sink.Gauge("pannier_operator_stores", "Stores of a VectorStore by state",
               static_cast<double>(count), labels);
  };
  const StoreCounts& counts = store.status.stores;
  stores("healthy", counts.healthy);
  stores("degraded", counts.degraded);
  stores("corrupt", counts.corrupt);
  stores("quarantined", counts.quarantined);
  sink.Gauge("pannier_operator_store_bytes", "Bytes of the stores of a VectorStore",
             static_cast<double>(counts.bytes), who);
  const auto pods = [&](const char* state, int64_t count) {
    Labels labels = who;
    labels.emplace_back("state", state);
    sink.Gauge("pannier_operator_pods", "Pods of a VectorStore by state",
               static_cast<double>(count), labels);
  };
  pods("matched", store.status.pods.matched);
  pods("injected", store.status.pods.injected);
  pods("reachable", store.status.pods.reachable);
  sink.Gauge("pannier_operator_vectorstore_ready", "1 where a VectorStore is Ready, else 0",
             IsTrue(store.status.conditions, "Ready") ? 1 : 0, who);
  if (!store.spec.repository_ref) return;
  if (store.spec.snapshot_freshness_seconds) {
    sink.Gauge("pannier_operator_snapshot_freshness_seconds",
               "How old the newest verified snapshot may be, where a VectorStore says so",
               static_cast<double>(*store.spec.snapshot_freshness_seconds), who);
  }
  sink.Gauge("pannier_operator_last_snapshot_timestamp_seconds",
             "When the newest verified snapshot was begun; 0: there is none",
             SecondsOf(store.status.last_snapshot), who);
}

void Say(const SnapshotRepository& repository, Lines& sink) {
  const Labels who = {{"namespace", repository.meta.name_space},
                      {"repository", repository.meta.name}};
  sink.Gauge("pannier_operator_repository_ready", "1 where a SnapshotRepository is Ready, else 0",
             IsTrue(repository.status.conditions, "Ready") ? 1 : 0, who);
  sink.Gauge("pannier_operator_repository_snapshots", "Snapshots in a SnapshotRepository",
             static_cast<double>(repository.status.snapshots.value_or(0)), who);
  sink.Gauge("pannier_operator_repository_bytes", "Bytes in a SnapshotRepository",
             static_cast<double>(repository.status.bytes.value_or(0)), who);
  const auto& verified = repository.status.deep_verify;
  if (!verified || verified->result == "Unavailable") return;
  sink.Gauge("pannier_operator_repository_verified",
             "Whether the snapshot that was last read whole is sound: 1, else 0",
             verified->result == "Sound" ? 1 : 0, who);
}

void Say(const StoreSnapshotSchedule& schedule, Lines& sink) {
  const Labels who = {{"namespace", schedule.meta.name_space}, {"schedule", schedule.meta.name}};
  sink.Gauge("pannier_operator_schedule_consecutive_failures",
             "Snapshots of a schedule that failed since the last that did not",
             static_cast<double>(schedule.status.consecutive_failures.value_or(0)), who);
  sink.Gauge("pannier_operator_schedule_last_success_timestamp_seconds",
             "When a schedule last had a snapshot completed; 0: never",
             SecondsOf(schedule.status.last_successful), who);
}

void Say(const StoreCleanupPolicy& policy, Lines& sink) {
  sink.Gauge("pannier_operator_cleanup_limit_reached",
             "1 where the last run of a StoreCleanupPolicy stopped at its limits, else 0",
             IsTrue(policy.status.conditions, "LimitReached") ? 1 : 0,
             {{"namespace", policy.meta.name_space}, {"policy", policy.meta.name}});
}

template <typename R>
std::shared_ptr<const ObjectLines> Read(const kube::Object& object) {
  auto said = std::make_shared<ObjectLines>();
  said->key = object.key;
  said->uid = object.uid;
  said->version = object.resource_version;
  const Result<R> read = ParseResource<R>(object.Tree());
  said->is_understood = read.ok();
  Lines lines(said.get());
  if (read.ok()) Say(*read, lines);
  return said;
}

bool IsOf(const ObjectLines& said, const kube::Object& object) {
  return said.key == object.key && said.uid == object.uid &&
         said.version == object.resource_version;
}

// Of the first kSeriesObjectsMax that can be understood. `before` spares reading what is the same.
template <typename R>
LinesOfKind LinesOf(const std::vector<kube::ObjectPtr>& objects, const LinesOfKind& before) {
  LinesOfKind now;
  size_t shown = 0;
  auto known = before.begin();
  for (const kube::ObjectPtr& object : objects) {
    if (shown == kSeriesObjectsMax) break;
    while (known != before.end() && (*known)->key < object->key) ++known;
    const bool is_same = known != before.end() && IsOf(**known, *object);
    now.push_back(is_same ? *known : Read<R>(*object));
    if (now.back()->is_understood) ++shown;
  }
  return now;
}

template <typename R>
void CollectKind(const Caches& caches, ObjectMetrics::Memory* memory, metrics::Sink& sink) {
  const auto before = memory->Recall();
  const auto now = std::make_shared<const LinesOfKind>(
      LinesOf<R>(caches.Of(ResourceFor<R>()).All(), before ? *before : LinesOfKind()));
  memory->Keep(now);
  struct Gauge {
    std::string_view help;
    std::string lines;
  };
  std::map<std::string_view, Gauge> gauges;
  for (const auto& said : *now) {
    for (const ObjectLines::Part& part : said->parts) {
      Gauge& gauge = gauges[part.name];
      gauge.help = part.help;
      gauge.lines += part.lines;
    }
  }
  for (const auto& [name, gauge] : gauges) sink.GaugeLines(name, gauge.help, gauge.lines);
}

}  // namespace

std::shared_ptr<const LinesOfKind> ObjectMetrics::Memory::Recall() const {
  const MutexLock lock(mutex_);
  return last_;
}

void ObjectMetrics::Memory::Keep(std::shared_ptr<const LinesOfKind> lines) {
  const MutexLock lock(mutex_);
  last_.swap(lines);  // the old ones end outside of the lock
}

void ObjectMetrics::Collect(metrics::Sink& sink) {
  CollectKind<VectorStore>(caches_, &vector_stores_, sink);
  CollectKind<SnapshotRepository>(caches_, &repositories_, sink);
  CollectKind<StoreSnapshotSchedule>(caches_, &schedules_, sink);
  CollectKind<StoreCleanupPolicy>(caches_, &policies_, sink);
  for (const kube::Resource& each : kOurKinds) {
    sink.Gauge("pannier_operator_objects", "Objects that are known, by kind",
               static_cast<double>(caches_.Of(each).size()), {{"kind", std::string(each.kind)}});
  }
}

}  // namespace pannier::control
