// Whether the API server knows all fields of our kinds. One whose CustomResourceDefinitions are
// older than the operator drops the fields that it does not know, of specs and of statuses, and
// says nothing: what people asked for, such as a hold, may not be there to be read. Then the
// operator goes on, says so in a condition of every long-lived object of the kind, and removes
// nothing by itself.
//
// Threads: any. Lifetime: none beyond its own.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "operator/kube/api.h"
#include "operator/resource/condition.h"
#include "operator/resource/schema.h"

namespace pannier::control {

// Those of a kind that the schema which the API server publishes lacks: "spec.recovery.mode".
// Without what is below a field that it lacks.
std::vector<std::string> MissingFields(const Kind& kind, const nlohmann::json& served);

class Definitions {
 public:
  enum class Found { kUnknown, kComplete, kOutdated };

  // Asks the API server what it knows. When it does not say (rights, a kind that was installed a
  // moment ago): kUnknown, and everything stays as it was found before.
  Found Look(kube::Api& api);
  // Whether nothing was found missing.
  bool AreComplete() const;
  // Puts what is missing of a kind among the conditions of a long-lived object, or takes it out.
  void Mark(std::string_view plural, int64_t generation, WallTime now,
            Conditions* conditions) const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::string, std::less<>> lacking_ GUARDED_BY(mutex_);  // by plural
};

}  // namespace pannier::control
