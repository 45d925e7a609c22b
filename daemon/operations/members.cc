#include "daemon/operations/members.h"

#include <algorithm>

#include "daemon/model/names.h"
#include "lib/core/time_text.h"
#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

constexpr int64_t kCountMax = 1ll << 53;  // what every JSON reader keeps exactly
constexpr size_t kTextBytesMax = 8'192;
constexpr size_t kTextsMax = 1'000;
constexpr size_t kUuidsMax = 1'000;

std::string Listed(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

const json* Find(const json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool IsText(const json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return !text.empty() && text.size() <= kTextBytesMax && text.find('\0') == std::string::npos;
}

bool IsTexts(const json& value) {
  return value.is_array() && value.size() <= kTextsMax &&
         std::all_of(value.begin(), value.end(), IsText);
}

bool IsCount(const json& value) {
  if (!value.is_number_integer()) return false;
  const auto number = value.get<int64_t>();
  return number >= 0 && number <= kCountMax;
}

bool IsUuids(const json& value) {
  if (!value.is_array() || value.size() > kUuidsMax) return false;
  return std::all_of(value.begin(), value.end(), [](const json& each) {
    return IsText(each) && Uuid::Parse(each.get<std::string>());
  });
}

std::optional<StoreName> StoreNameOf(const json& value) {
  if (IsText(value)) return ParseStoreName(value.get_ref<const std::string&>());
  if (!value.is_object() || value.size() != 2) return std::nullopt;
  const json* tenant = Find(value, "tenant");
  const json* database = Find(value, "database");
  if (tenant == nullptr || database == nullptr || !IsText(*tenant) || !IsText(*database)) {
    return std::nullopt;
  }
  return StoreName{tenant->get<std::string>(), database->get<std::string>()};
}

// What the value should have been; empty when it is that.
std::string Wanted(const json& value, const Member& member) {
  switch (member.kind) {
    case MemberKind::kText:
      return IsText(value) ? "" : "a text";
    case MemberKind::kTexts:
      return IsTexts(value) ? "" : "a list of at most 1000 texts";
    case MemberKind::kFlag:
      return value.is_boolean() ? "" : "true or false";
    case MemberKind::kCount:
      return IsCount(value) ? "" : "a whole number from 0 on";
    case MemberKind::kUuid:
      return IsText(value) && Uuid::Parse(value.get<std::string>()) ? "" : "a UUID";
    case MemberKind::kStore:
      return StoreNameOf(value) ? "" : "TENANT/DATABASE";
    case MemberKind::kTime:
      return IsText(value) && ParseTime(value.get<std::string>())
                 ? ""
                 : "a time such as 2025-01-31T12:00:00Z";
    case MemberKind::kChoice: {
      const bool known =
          IsText(value) && std::find(member.choices.begin(), member.choices.end(),
                                     value.get<std::string>()) != member.choices.end();
      return known ? "" : "one of " + Listed(member.choices);
    }
    case MemberKind::kUuids:
      return IsUuids(value) ? "" : "a list of at most 1000 UUIDs";
    case MemberKind::kObject:
      return value.is_object() ? "" : "an object";
  }
  return "something else";
}

std::vector<std::string_view> NamesOf(const std::vector<Member>& members) {
  std::vector<std::string_view> names;
  names.reserve(members.size());
  for (const Member& member : members) names.push_back(member.name);
  return names;
}

}  // namespace

Result<json> ParseObject(std::string_view body) {
  json tree = TRY(pannier::json::ParseCold(body));
  if (!tree.is_object()) return InvalidArgument("the body must be a JSON object");
  return tree;
}

json TimeOrNull(const std::optional<WallTime>& time) {
  return time ? json(FormatTime(*time)) : json(nullptr);
}

Status CheckMembers(const json& object, const std::vector<Member>& allowed,
                    const std::string& prefix) {
  for (const auto& item : object.items()) {
    const std::string& name = item.key();
    const auto known = std::find_if(allowed.begin(), allowed.end(),
                                    [&](const Member& member) { return member.name == name; });
    if (known == allowed.end()) {
      return InvalidArgument("unknown member \"" + prefix + name.substr(0, 64) + "\"",
                             "known here: " + Listed(NamesOf(allowed)));
    }
  }
  for (const Member& member : allowed) {
    const std::string name = prefix + std::string(member.name);
    const json* value = Find(object, member.name);
    if (value == nullptr) {
      if (member.required) return InvalidArgument("the member \"" + name + "\" is missing");
      continue;
    }
    const std::string wanted = Wanted(*value, member);
    if (!wanted.empty()) {
      return InvalidArgument("the member \"" + name + "\" must be " + wanted);
    }
    if (member.kind == MemberKind::kObject) TRY(CheckMembers(*value, member.members, name + "."));
  }
  return {};
}

std::optional<std::string> TextOf(const json& object, std::string_view name) {
  const json* value = Find(object, name);
  return value == nullptr ? std::nullopt : std::optional(value->get<std::string>());
}

std::vector<std::string> TextsOf(const json& object, std::string_view name) {
  const json* value = Find(object, name);
  return value == nullptr ? std::vector<std::string>() : value->get<std::vector<std::string>>();
}

std::optional<uint64_t> CountOf(const json& object, std::string_view name) {
  const json* value = Find(object, name);
  return value == nullptr ? std::nullopt : std::optional(value->get<uint64_t>());
}

std::optional<std::chrono::seconds> SecondsOf(const json& object, std::string_view name) {
  constexpr uint64_t kCentury = 100ull * 366 * 24 * 3600;
  const std::optional<uint64_t> count = CountOf(object, name);
  return count ? std::optional<std::chrono::seconds>(std::min(*count, kCentury)) : std::nullopt;
}

bool FlagOf(const json& object, std::string_view name, bool by_default) {
  const json* value = Find(object, name);
  return value == nullptr ? by_default : value->get<bool>();
}

std::optional<Uuid> UuidOf(const json& object, std::string_view name) {
  const json* value = Find(object, name);
  return value == nullptr ? std::nullopt : Uuid::Parse(value->get<std::string>());
}

std::vector<Uuid> UuidsOf(const json& object, std::string_view name) {
  std::vector<Uuid> uuids;
  const json* value = Find(object, name);
  if (value == nullptr) return uuids;
  for (const json& each : *value) uuids.push_back(*Uuid::Parse(each.get<std::string>()));
  return uuids;
}

std::optional<StoreName> StoreOf(const json& object, std::string_view name) {
  const json* value = Find(object, name);
  return value == nullptr ? std::nullopt : StoreNameOf(*value);
}

std::optional<WallTime> TimeOf(const json& object, std::string_view name) {
  const json* value = Find(object, name);
  return value == nullptr ? std::nullopt : ParseTime(value->get<std::string>());
}

std::optional<StoreName> ParseStoreName(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) {
    return std::nullopt;
  }
  return StoreName{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

Status CheckNewName(const StoreName& store, std::string_view member) {
  const std::string prefix = "the member \"" + std::string(member) + "\": ";
  constexpr size_t kTenantBytesMin = 3, kTenantBytesMax = 512;
  if (store.tenant.size() < kTenantBytesMin || store.tenant.size() > kTenantBytesMax) {
    return InvalidArgument(prefix + "a tenant's name has 3 to 512 bytes");
  }
  return model::CheckName(store.database, prefix);
}

std::string ToString(const StoreName& store) { return store.tenant + "/" + store.database; }

}  // namespace pannier::operations
