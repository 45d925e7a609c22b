#include "operator/resource/condition.h"

#include <algorithm>

#include "operator/resource/text.h"

namespace pannier::control {
namespace {

constexpr const char* kTruths[] = {"Unknown", "True", "False"};
constexpr int64_t kMessageMax = 1024;

}  // namespace

void Condition::Fields(Visitor& v) {
  v.Text({.name = "type",
          .help = "What the condition is about.",
          .required = true,
          .length_max = 64,
          .length_min = 1},
         &type);
  v.Choice({.name = "status", .help = "True, False or Unknown.", .required = true}, &status,
           kTruths);
  v.Text({.name = "reason",
          .help = "Why, in one CamelCase word.",
          .required = true,
          .length_max = 64,
          .length_min = 1},
         &reason);
  v.Text({.name = "message", .help = "Why, for people.", .length_max = kMessageMax}, &message);
  v.Number({.name = "observedGeneration",
            .help = "Generation of the object that this was said of.",
            .min = 0},
           &observed_generation);
  v.Time({.name = "lastTransitionTime", .help = "When status became what it is.", .required = true},
         &last_transition);
}

void ConditionsField(Visitor& v, Conditions* conditions) {
  v.List({.name = "conditions",
          .help = "What is known of the object, one entry for each type.",
          .items_max = 8,
          .keys = "type"},
         conditions);
}

const Condition* Find(const Conditions& conditions, std::string_view type) {
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [&](const Condition& each) { return each.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

bool IsTrue(const Conditions& conditions, std::string_view type) {
  const Condition* found = Find(conditions, type);
  return found != nullptr && found->status == Truth::kTrue;
}

bool IsFalse(const Conditions& conditions, std::string_view type) {
  const Condition* found = Find(conditions, type);
  return found != nullptr && found->status == Truth::kFalse;
}

std::string ReasonOf(const Conditions& conditions, std::string_view type) {
  const Condition* found = Find(conditions, type);
  return found == nullptr ? "" : found->reason;
}

void Set(Conditions* conditions, Condition wanted, WallTime now) {
  wanted.message = Cut(wanted.message, kMessageMax);
  wanted.last_transition = std::chrono::floor<std::chrono::seconds>(now);
  const auto place = std::lower_bound(
      conditions->begin(), conditions->end(), wanted.type,
      [](const Condition& each, const std::string& type) { return each.type < type; });
  if (place == conditions->end() || place->type != wanted.type) {
    conditions->insert(place, std::move(wanted));
    return;
  }
  if (place->status == wanted.status && place->last_transition) {
    wanted.last_transition = place->last_transition;
  }
  *place = std::move(wanted);
}

void Remove(Conditions* conditions, std::string_view type) {
  std::erase_if(*conditions, [&](const Condition& each) { return each.type == type; });
}

}  // namespace pannier::control
