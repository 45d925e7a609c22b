// Metrics of the objects that the operator serves, as the caches have them at each scrape: a series
// ends with its object. At most so many objects of a kind have series of their own; the rest is
// counted in pannier_operator_objects. What an object says is remembered until it changes, so that
// a scrape reads few of them: while thousands of snapshots are taken, too, it takes milliseconds.
// Threads: any; none waits for another. Lifetime: `caches` outlives it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/metrics/metrics.h"
#include "operator/reconcile/caches.h"

namespace pannier::control {

inline constexpr size_t kSeriesObjectsMax = 1'000;

// What one version of an object says.
struct ObjectLines {
  struct Part {
    std::string_view name, help;  // of a gauge; literals
    std::string lines;
  };
  kube::ObjectKey key;
  std::string uid, version;
  bool is_understood = false;
  std::vector<Part> parts;
};
using LinesOfKind = std::vector<std::shared_ptr<const ObjectLines>>;  // sorted by key

class ObjectMetrics {
 public:
  explicit ObjectMetrics(const Caches& caches) : caches_(caches) {}
  void Collect(metrics::Sink& sink);

  // What the objects of a kind said at the last scrape.
  class Memory {
   public:
    std::shared_ptr<const LinesOfKind> Recall() const;
    void Keep(std::shared_ptr<const LinesOfKind> lines);

   private:
    mutable Mutex mutex_;
    std::shared_ptr<const LinesOfKind> last_ GUARDED_BY(mutex_);
  };

 private:
  const Caches& caches_;
  Memory vector_stores_, repositories_, schedules_, policies_;
};

}  // namespace pannier::control
