// What commands read of objects. Leniently: an operator of another version may write more, or less.
// Threads: pure functions, but for ListAll.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "operator/kube/api.h"

namespace pannier::cluster {

inline constexpr size_t kObjectsMax = 10'000;  // of one list

// Of status.conditions; all empty without one of this type.
struct ConditionView {
  std::string status, reason, message;
};
ConditionView ConditionOf(const nlohmann::json& object, std::string_view type);

// A condition that came to its end: True or False.
bool HasEnded(const ConditionView& condition);

// The number at `path`, a JSON pointer.
std::optional<int64_t> NumberAt(const nlohmann::json& tree, std::string_view path);
// How long ago the time at `path` was, as kubectl writes ages ("5m", "3h"); "-" without one.
std::string AgeAt(const nlohmann::json& tree, std::string_view path, WallTime now);

// All objects of a kind in a namespace ("" for all), by namespace and name, without what no reader
// looks at.
//   kNotFound           also: the API knows no such kind; the hint says what to install
//   kResourceExhausted  more than kObjectsMax
Result<std::vector<nlohmann::json>> ListAll(kube::Api& api, const kube::Resource& resource,
                                            const std::string& ns,
                                            const std::string& label_selector = "");

}  // namespace pannier::cluster
