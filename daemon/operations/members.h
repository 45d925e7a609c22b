// The members of a JSON object that came over the wire: checked all at once against a table, then
// taken without further questions; and of those that go back. Threads: pure functions.
#pragma once

#include <chrono>
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
  kTexts,   // a list of at most 1,000
  kFlag,    // true or false
  kCount,   // 0 to 2^53
  kUuid,    // hyphenated
  kStore,   // "TENANT/DATABASE", or {"tenant", "database"}
  kTime,    // RFC 3339
  kUuids,   // a list of at most 1,000 of them
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

// The object that a request's body is.
//   kInvalidArgument  it is none, or no JSON
Result<nlohmann::json> ParseObject(std::string_view body);
// `prefix` stands before names in messages: "keep.".
//   kInvalidArgument  a member is unknown, missing, or not of its kind; names it
Status CheckMembers(const nlohmann::json& object, const std::vector<Member>& allowed,
                    const std::string& prefix = {});

// Of an object that has passed CheckMembers(); absent or null: nothing.
std::optional<std::string> TextOf(const nlohmann::json& object, std::string_view name);
std::vector<std::string> TextsOf(const nlohmann::json& object, std::string_view name);
std::optional<uint64_t> CountOf(const nlohmann::json& object, std::string_view name);
// Longer than a century is for ever, and does not overflow a time.
std::optional<std::chrono::seconds> SecondsOf(const nlohmann::json& object, std::string_view name);
bool FlagOf(const nlohmann::json& object, std::string_view name, bool by_default);
std::optional<Uuid> UuidOf(const nlohmann::json& object, std::string_view name);
// Empty when it is absent.
std::vector<Uuid> UuidsOf(const nlohmann::json& object, std::string_view name);
std::optional<StoreName> StoreOf(const nlohmann::json& object, std::string_view name);
std::optional<WallTime> TimeOf(const nlohmann::json& object, std::string_view name);

nlohmann::json TimeOrNull(const std::optional<WallTime>& time);

// "default_tenant/docs". The tenant ends at the first slash.
std::optional<StoreName> ParseStoreName(std::string_view text);
std::string ToString(const StoreName& store);
// Whether a store may be made under this name: what the Chroma API takes. `member` is named.
//   kInvalidArgument  it may not
Status CheckNewName(const StoreName& store, std::string_view member);

}  // namespace pannier::operations
