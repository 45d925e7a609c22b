#include "lib/repository/snapshot_key.h"

#include <charconv>

namespace pannier::repository {
namespace {

constexpr std::string_view kFolder = "snapshots/";
constexpr std::string_view kManifest = ".json";
constexpr size_t kUuidDigits = 36;
constexpr size_t kSequenceDigits = 20;

std::string_view EndingOf(SnapshotPart part) {
  switch (part) {
    case SnapshotPart::kManifest:
      return kManifest;
    case SnapshotPart::kVerified:
      return ".verified.json";
    case SnapshotPart::kHold:
      return ".hold.json";
  }
  return {};
}

std::optional<SnapshotPart> PartOf(std::string_view ending) {
  for (const SnapshotPart part :
       {SnapshotPart::kManifest, SnapshotPart::kVerified, SnapshotPart::kHold}) {
    if (ending == EndingOf(part)) return part;
  }
  return std::nullopt;
}

std::string_view Take(std::string_view* text, size_t size) {
  const std::string_view taken = text->substr(0, size);
  text->remove_prefix(taken.size());
  return taken;
}

// A UUID in the one form that we write, and the character behind it.
std::optional<Uuid> TakeUuid(std::string_view* text, std::string_view end) {
  const std::string_view word = Take(text, kUuidDigits);
  const std::optional<Uuid> id = Uuid::Parse(word);
  if (!id || id->ToString() != word || Take(text, end.size()) != end) return std::nullopt;
  return id;
}

std::optional<uint64_t> TakeSequence(std::string_view* text) {
  const std::string_view digits = Take(text, kSequenceDigits);
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || rest != digits.data() + digits.size()) return std::nullopt;
  if (digits.size() != kSequenceDigits || Take(text, 1) != "-") return std::nullopt;
  return number;
}

}  // namespace

std::optional<SnapshotKey> ParseSnapshotKey(std::string_view key) {
  if (Take(&key, kFolder.size()) != kFolder) return std::nullopt;
  const auto owner = TakeUuid(&key, "/");
  if (!owner) return std::nullopt;
  const auto store = TakeUuid(&key, "/");
  if (!store) return std::nullopt;
  const auto sequence = TakeSequence(&key);
  if (!sequence) return std::nullopt;
  const auto uid = TakeUuid(&key, "");
  const auto part = PartOf(key);
  if (!uid || !part) return std::nullopt;
  return SnapshotKey{*owner, *store, *uid, *sequence, *part};
}

std::string PartKey(std::string_view manifest, SnapshotPart part) {
  const std::string_view stem = manifest.substr(0, manifest.size() - kManifest.size());
  return std::string(stem) + std::string(EndingOf(part));
}

}  // namespace pannier::repository
