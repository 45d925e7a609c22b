// Conditions as Kubernetes' API conventions have them. Threads: plain values and pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/resource/fields.h"

namespace pannier::control {

enum class Truth { kUnknown, kTrue, kFalse };

struct Condition {
  std::string type;
  Truth status = Truth::kUnknown;
  std::string reason;   // CamelCase, for machines
  std::string message;  // for people
  std::optional<int64_t> observed_generation = {};
  std::optional<WallTime> last_transition = {};  // when `status` became what it is

  void Fields(Visitor& v);
};
using Conditions = std::vector<Condition>;

const Condition* Find(const Conditions& conditions, std::string_view type);
bool IsTrue(const Conditions& conditions, std::string_view type);
bool IsFalse(const Conditions& conditions, std::string_view type);
// "" without such a condition.
std::string ReasonOf(const Conditions& conditions, std::string_view type);

// Puts `wanted` in the place of the condition of its type. last_transition is `now` only if the
// status differs from before, whatever `wanted` says of it. Conditions stay in order of their type,
// so that equal sets are equal lists. Messages are cut to what the schema allows.
void Set(Conditions* conditions, Condition wanted, WallTime now);
void Remove(Conditions* conditions, std::string_view type);

// The list field that every status has.
void ConditionsField(Visitor& v, Conditions* conditions);

}  // namespace pannier::control
