// The members of a JSON object that came over the wire: checked all at once against a table, then
// taken without further questions. Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/operations/operation.h"
#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::operations {

enum class MemberKind {
  kText,    // not empty
  kFlag,    // true or false
  kCount,   // 0 to 2^53
  kUuid,    // hyphenated
  kStore,   // "TENANT/DATABASE", or {"tenant", "database"}
  kTime,    // RFC 3339
  kChoice,  // one of `choices`
  kObject,  // with members of its own
};

struct Member {
  std::string_view name;
  MemberKind kind = MemberKind::kText;
  bool required = false;
  std::vector<std::string_view> choices = {};
  std::vector<Member> members = {};
};

// `prefix` stands before names in messages: "keep.".
//   kInvalidArgument  a member is unknown, missing, or not of its kind; names it
Status CheckMembers(const nlohmann::json& object, const std::vector<Member>& allowed,
                    const std::string& prefix = {});

// Of an object that has passed CheckMembers(); absent or null: nothing.
std::optional<std::string> TextOf(const nlohmann::json& object, std::string_view name);
std::optional<uint64_t> CountOf(const nlohmann::json& object, std::string_view name);
bool FlagOf(const nlohmann::json& object, std::string_view name, bool by_default);
std::optional<Uuid> UuidOf(const nlohmann::json& object, std::string_view name);
std::optional<StoreName> StoreOf(const nlohmann::json& object, std::string_view name);
std::optional<WallTime> TimeOf(const nlohmann::json& object, std::string_view name);

// "default_tenant/docs". The tenant ends at the first slash.
std::optional<StoreName> ParseStoreName(std::string_view text);
std::string ToString(const StoreName& store);

}  // namespace pannier::operations
