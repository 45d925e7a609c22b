#include "lib/contract/manifest.h"

#include <limits>
#include <unordered_set>

#include "lib/core/time_text.h"
#include "lib/json/reader.h"
#include "lib/json/writer.h"

namespace pannier::contract {
namespace {

constexpr size_t kFilesMax = 100'000;
constexpr size_t kPathBytesMax = 1024;
constexpr size_t kNameBytesMax = 64 << 10;
constexpr size_t kHexDigits = 64;

// --- writing ---

void AppendMember(std::string_view name, std::string* out) {
  out->append(out->back() == '{' ? "" : ",");
  json::AppendString(name, out);
  out->push_back(':');
}

void AppendText(std::string_view name, std::string_view text, std::string* out) {
  AppendMember(name, out);
  json::AppendString(text, out);
}

void AppendNumber(std::string_view name, uint64_t number, std::string* out) {
  AppendMember(name, out);
  out->append(std::to_string(number));
}

void AppendUuid(std::string_view name, const Uuid& id, std::string* out) {
  AppendMember(name, out);
  out->append(id.IsNil() ? "null" : '"' + id.ToString() + '"');
}

void AppendCollection(const ManifestCollection& collection, std::string* out) {
  out->append("\n{");
  AppendUuid("id", collection.id, out);
  AppendText("name", collection.name, out);
  AppendNumber("records", collection.records, out);
  AppendMember("dimension", out);
  out->append(collection.dimension ? std::to_string(*collection.dimension) : "null");
  out->push_back('}');
}

void AppendChunk(const Chunk& chunk, std::string* out) {
  out->append("\n{");
  AppendText("sha256", chunk.sha256, out);
  AppendNumber("bytes", chunk.bytes, out);
  AppendNumber("stored", chunk.stored, out);
  out->push_back('}');
}

// "name":[…], one element on each line.
template <typename T>
void AppendList(std::string_view name, const std::vector<T>& list,
                void (*append)(const T&, std::string*), std::string* out) {
  AppendMember(name, out);
  out->push_back('[');
  for (size_t i = 0; i < list.size(); ++i) {
    if (i != 0) out->push_back(',');
    append(list[i], out);
  }
  out->push_back(']');
}

void AppendFile(const ManifestFile& file, std::string* out) {
  out->append("\n{");
  AppendText("path", file.path, out);
  AppendNumber("bytes", file.bytes, out);
  AppendList("chunks", file.chunks, AppendChunk, out);
  out->push_back('}');
}

// --- reading ---

Error Wrong(std::string_view name, std::string_view problem) {
  return Corruption("\"" + std::string(name) + "\" " + std::string(problem));
}

Result<json::Value> Member(const json::Value& object, std::string_view name) {
  if (!object.is_object()) return Corruption("there is a value that is not an object");
  const auto found = object.Find(name);
  if (!found) return Wrong(name, "is missing");
  return *found;
}

Result<uint64_t> NumberOf(const json::Value& object, std::string_view name, uint64_t max) {
  const json::Value value = TRY(Member(object, name));
  const auto number = value.is_number() ? value.AsUnsigned() : std::nullopt;
  if (!number || *number > max) return Wrong(name, "is not a number in its range");
  return *number;
}

Result<std::string> TextOf(const json::Value& object, std::string_view name, size_t bytes_max) {
  const json::Value value = TRY(Member(object, name));
  if (!value.is_string()) return Wrong(name, "is not a text");
  if (value.AsString().size() > bytes_max) return Wrong(name, "is too long");
  return std::string(value.AsString());
}

Result<Uuid> UuidOf(const json::Value& object, std::string_view name) {
  const auto id = Uuid::Parse(TRY(TextOf(object, name, 36)));
  if (!id || id->IsNil()) return Wrong(name, "is not a UUID");
  return *id;
}

// Each element of the list `name`, read by `read`.
template <typename T, typename Read>
Result<std::vector<T>> ListOf(const json::Value& object, std::string_view name, Read&& read) {
  const json::Value list = TRY(Member(object, name));
  if (!list.is_array()) return Wrong(name, "is not a list");
  std::vector<T> elements;
  Status status;
  list.ForEachElement([&](json::Value value) {
    Result<T> element = read(value);
    if (element.ok()) {
      elements.push_back(std::move(element).value());
    } else {
      const std::string where = std::string(name) + "[" + std::to_string(elements.size()) + "]";
      status = std::move(element).error().Context(where);
    }
    return status.ok();
  });
  TRY(std::move(status));
  return elements;
}

bool IsDigest(std::string_view text) {
  return text.size() == kHexDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Relative, below the folder, and without what some system might read another way.
bool IsPathBelow(std::string_view path) {
  if (path.empty() || path.size() > kPathBytesMax) return false;
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '\\' || c == 0x7f) return false;
  }
  while (true) {
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (segment.size() == path.size()) return true;
    path.remove_prefix(segment.size() + 1);
  }
}

Result<Chunk> ReadChunk(const json::Value& value) {
  Chunk chunk;
  chunk.sha256 = TRY(TextOf(value, "sha256", kHexDigits));
  if (!IsDigest(chunk.sha256)) return Wrong("sha256", "is not 64 lower-case hexadecimal digits");
  chunk.bytes = static_cast<uint32_t>(TRY(NumberOf(value, "bytes", kChunkBytes)));
  if (chunk.bytes == 0) return Wrong("bytes", "is zero");
  chunk.stored = static_cast<uint32_t>(TRY(NumberOf(value, "stored", chunk.bytes + 1)));
  if (chunk.stored < 2) return Wrong("stored", "is too small");
  return chunk;
}

Status CheckLengths(const ManifestFile& file) {
  uint64_t total = 0;
  for (size_t i = 0; i < file.chunks.size(); ++i) {
    const bool last = i + 1 == file.chunks.size();
    if (!last && file.chunks[i].bytes != kChunkBytes)
      return Wrong("chunks", "has a short one before the last");
    total += file.chunks[i].bytes;
  }
  if (total != file.bytes) return Wrong("bytes", "is not the sum of the chunks");
  return {};
}

Result<ManifestFile> ReadManifestFile(const json::Value& value) {
  ManifestFile file;
  file.path = TRY(TextOf(value, "path", kPathBytesMax));
  if (!IsPathBelow(file.path)) return Wrong("path", "is not a path below the store's folder");
  file.bytes = TRY(NumberOf(value, "bytes", std::numeric_limits<int64_t>::max()));
  file.chunks = TRY(ListOf<Chunk>(value, "chunks", ReadChunk));
  TRY(CheckLengths(file));
  return file;
}

Result<ManifestCollection> ReadCollection(const json::Value& value) {
  ManifestCollection collection;
  collection.id = TRY(UuidOf(value, "id"));
  collection.name = TRY(TextOf(value, "name", kNameBytesMax));
  collection.records = TRY(NumberOf(value, "records", std::numeric_limits<int64_t>::max()));
  if (TRY(Member(value, "dimension")).is_null()) return collection;
  constexpr uint64_t kDimensionMax = std::numeric_limits<uint32_t>::max();
  collection.dimension = static_cast<uint32_t>(TRY(NumberOf(value, "dimension", kDimensionMax)));
  return collection;
}

// No path twice, and none that is another's folder.
Status CheckPaths(const std::vector<ManifestFile>& files) {
  if (files.empty()) return Wrong("files", "is empty");
  if (files.size() > kFilesMax) return Wrong("files", "has too many");
  std::unordered_set<std::string_view> paths;
  for (const ManifestFile& file : files) {
    if (!paths.insert(file.path).second) return Wrong("files", "names " + file.path + " twice");
  }
  for (const ManifestFile& file : files) {
    const std::string_view path = file.path;
    for (size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
      if (paths.contains(path.substr(0, slash)))
        return Wrong("files", "has a file where " + file.path + " needs a folder");
    }
  }
  return {};
}

Status CheckCollections(const Manifest& manifest) {
  std::unordered_set<Uuid> ids;
  uint64_t records = 0;
  for (const ManifestCollection& collection : manifest.collections) {
    if (!ids.insert(collection.id).second) return Wrong("collections", "has one id twice");
    // Each is below 2^63, so that the first sum to pass the total is seen before one overflows.
    records += collection.records;
    if (records > manifest.records) break;
  }
  if (records != manifest.records) return Wrong("records", "is not the sum of the collections");
  return {};
}

Status CheckFormat(const json::Value& root) {
  const uint64_t format = TRY(NumberOf(root, "format", std::numeric_limits<int>::max()));
  if (format > kManifestFormat) {
    return InvalidArgument("the manifest has format " + std::to_string(format) +
                               ", and this version reads up to " + std::to_string(kManifestFormat),
                           "use the version of pannier that wrote it, or a newer one");
  }
  if (format == 0) return Wrong("format", "is zero");
  return {};
}

Result<WallTime> TimeOf(const json::Value& object, std::string_view name) {
  const auto time = ParseTime(TRY(TextOf(object, name, 64)));
  if (!time) return Wrong(name, "is not a time");
  return *time;
}

Result<Manifest> ReadFields(const json::Value& root) {
  constexpr uint64_t kNumberMax = std::numeric_limits<int64_t>::max();
  Manifest manifest;
  manifest.uid = TRY(UuidOf(root, "uid"));
  manifest.owner = TRY(UuidOf(root, "owner"));
  manifest.store = TRY(UuidOf(root, "store"));
  if (root.Find("origin")) manifest.origin = TRY(TextOf(root, "origin", kOriginBytesMax));
  manifest.tenant = TRY(TextOf(root, "tenant", kNameBytesMax));
  manifest.database = TRY(TextOf(root, "database", kNameBytesMax));
  manifest.sequence = TRY(NumberOf(root, "sequence", std::numeric_limits<uint64_t>::max()));
  manifest.time = TRY(TimeOf(root, "time"));
  manifest.version = TRY(TextOf(root, "version", kNameBytesMax));
  if (!TRY(Member(root, "parent")).is_null()) manifest.parent = TRY(UuidOf(root, "parent"));
  manifest.records = TRY(NumberOf(root, "records", kNumberMax));
  manifest.new_bytes = TRY(NumberOf(root, "newBytes", kNumberMax));
  manifest.collections = TRY(ListOf<ManifestCollection>(root, "collections", ReadCollection));
  manifest.files = TRY(ListOf<ManifestFile>(root, "files", ReadManifestFile));
  return manifest;
}

Result<Manifest> ReadManifest(std::string_view text, std::string_view key) {
  if (text.size() > kManifestBytesMax) return Corruption("it is too long");
  json::Document document;  // of its own, so that a large one's memory goes with it
  const Result<json::Value> root = document.ParseCopy(text);
  if (!root.ok()) return Corruption(root.error().what);
  TRY(CheckFormat(*root));
  Manifest manifest = TRY(ReadFields(*root));
  TRY(CheckPaths(manifest.files));
  TRY(CheckCollections(manifest));
  if (ManifestKey(manifest) != key) return Corruption("it says of itself another key");
  return manifest;
}

}  // namespace

uint64_t Manifest::bytes() const {
  uint64_t total = 0;
  for (const ManifestFile& file : files) total += file.bytes;
  return total;
}

uint64_t Manifest::stored_bytes() const {
  std::unordered_set<std::string_view> seen;
  uint64_t total = 0;
  for (const ManifestFile& file : files) {
    for (const Chunk& chunk : file.chunks) {
      if (seen.insert(chunk.sha256).second) total += chunk.stored;
    }
  }
  return total;
}

std::string ManifestKey(const Manifest& manifest) {
  const std::string digits = std::to_string(manifest.sequence);
  return "snapshots/" + manifest.owner.ToString() + "/" + manifest.store.ToString() + "/" +
         std::string(20 - digits.size(), '0') + digits + "-" + manifest.uid.ToString() + ".json";
}

std::string ChunkKey(std::string_view sha256) {
  return "chunks/" + std::string(sha256.substr(0, 2)) + "/" + std::string(sha256);
}

std::string WriteManifest(const Manifest& manifest) {
  std::string out = "{";
  AppendNumber("format", kManifestFormat, &out);
  AppendUuid("uid", manifest.uid, &out);
  AppendUuid("owner", manifest.owner, &out);
  AppendUuid("store", manifest.store, &out);
  if (!manifest.origin.empty()) AppendText("origin", manifest.origin, &out);
  AppendText("tenant", manifest.tenant, &out);
  AppendText("database", manifest.database, &out);
  AppendNumber("sequence", manifest.sequence, &out);
  AppendText("time", FormatTime(manifest.time), &out);
  AppendText("version", manifest.version, &out);
  AppendUuid("parent", manifest.parent, &out);
  AppendNumber("records", manifest.records, &out);
  AppendNumber("newBytes", manifest.new_bytes, &out);
  AppendList("collections", manifest.collections, AppendCollection, &out);
  AppendList("files", manifest.files, AppendFile, &out);
  out += "}\n";
  return out;
}

Result<Manifest> ParseManifest(std::string_view text, std::string_view key) {
  return ReadManifest(text, key).Context("manifest " + std::string(key));
}

}  // namespace pannier::contract
