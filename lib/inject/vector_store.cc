#include "lib/inject/vector_store.h"

#include <algorithm>

namespace pannier::inject {
namespace {

using nlohmann::json;

constexpr size_t kSocketFolderMax = 90;  // as the resource says; a socket's path has 107 at most

// Reads fields of one object and notes the first that is wrong, so that readers go on in a line.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  const json* Find(const std::string& path) const {
    const json::json_pointer pointer("/" + path);
    if (!object_.contains(pointer)) return nullptr;
    const json& found = object_.at(pointer);
    return found.is_null() ? nullptr : &found;
  }
  std::string Text(const std::string& path, const std::string& otherwise = "") {
    const json* const found = Find(path);
    if (found == nullptr) return otherwise;
    if (found->is_string()) return found->get<std::string>();
    return Wrong(path, "is no text"), otherwise;
  }
  // One of the words on the left, as the word on the right.
  std::string Word(const std::string& path,
                   const std::vector<std::pair<std::string, std::string>>& words) {
    const std::string text = Text(path, words.front().first);
    for (const auto& [word, meaning] : words) {
      if (text == word) return meaning;
    }
    return Wrong(path, "does not know the word \"" + text + "\""), words.front().second;
  }
  std::map<std::string, std::string> Texts(const std::string& path) {
    std::map<std::string, std::string> texts;
    const json* const found = Find(path);
    if (found == nullptr) return texts;
    if (!found->is_object()) return Wrong(path, "is no object"), texts;
    for (const auto& [key, value] : found->items()) {
      // A quantity may be a bare number.
      texts[key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
    return texts;
  }
  void Wrong(const std::string& path, const std::string& what) {
    std::string name = path;
    std::replace(name.begin(), name.end(), '/', '.');
    if (status_.ok()) status_ = InvalidArgument(name + " " + what);
  }
  const Status& status() const { return status_; }

 private:
  const json& object_;
  Status status_;
};

uint16_t PortIn(Reader& reader) {
  constexpr uint16_t kDefault = 8000;
  const char* const path = "spec/loopbackPort";
  const json* const found = reader.Find(path);
  if (found == nullptr) return kDefault;
  const bool fits = found->is_number_integer() && *found >= 0 && *found <= 65535;
  if (fits) return found->get<uint16_t>();
  reader.Wrong(path, "is no port from 0 to 65535");
  return kDefault;
}

Storage StorageIn(Reader& reader) {
  Storage storage;
  const std::string base = "spec/storage/";
  const bool existing = reader.Find(base + "existingVolume") != nullptr;
  const bool claim = reader.Find(base + "ephemeralClaim") != nullptr;
  const bool folder = reader.Find(base + "emptyDir") != nullptr;
  if (existing + claim + folder != 1) {
    reader.Wrong("spec/storage", "needs exactly one of existingVolume, ephemeralClaim, emptyDir");
  }
  if (existing) {
    storage.kind = Storage::Kind::kExistingVolume;
    storage.volume = reader.Text(base + "existingVolume/name");
    storage.sub_path = reader.Text(base + "existingVolume/subPath");
  } else if (claim) {
    storage.kind = Storage::Kind::kEphemeralClaim;
    storage.size = reader.Text(base + "ephemeralClaim/size");
    storage.storage_class = reader.Text(base + "ephemeralClaim/storageClassName");
  } else {
    storage.size = reader.Text(base + "emptyDir/sizeLimit");
  }
  return storage;
}

std::string SocketFolderIn(Reader& reader) {
  const char* const path = "spec/socketMountPath";
  std::string folder = reader.Text(path, "/run/pannier");
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  const bool is_sound = folder.size() > 1 && folder.size() <= kSocketFolderMax &&
                        folder.front() == '/' && folder.find("..") == std::string::npos;
  if (!is_sound) reader.Wrong(path, "is no absolute path of at most 90 bytes");
  return folder;
}

Status ReadRepository(const json& repository, Sidecar* sidecar) {
  if (!repository.is_object()) return {};
  Reader reader(repository);
  if (reader.Find("spec/volume") != nullptr) {
    RepositoryVolume volume;
    volume.name = reader.Text("metadata/name");
    volume.claim = reader.Text("spec/volume/claimName");
    volume.sub_path = reader.Text("spec/volume/subPath");
    volume.read_only = reader.Text("spec/accessMode") == "ReadOnly";
    sidecar->repositories.push_back(std::move(volume));
  }
  return Status(reader.status()).Context("SnapshotRepository");
}

}  // namespace

Result<Sidecar> SidecarOf(const json& vector_store, const json& repository,
                          const Installation& installation) {
  if (!vector_store.is_object()) return InvalidArgument("a VectorStore is an object");
  Reader reader(vector_store);
  Sidecar sidecar;
  sidecar.vector_store = reader.Text("metadata/name");
  sidecar.image = reader.Text("spec/daemon/image", installation.image);
  if (sidecar.image.empty()) reader.Wrong("spec/daemon/image", "is needed: nobody names another");
  sidecar.limits = reader.Texts("spec/daemon/resources/limits");
  sidecar.requests = reader.Texts("spec/daemon/resources/requests");
  sidecar.storage = StorageIn(reader);
  sidecar.socket_mount_path = SocketFolderIn(reader);
  sidecar.loopback_port = PortIn(reader);
  if (const json* config = reader.Find("spec/daemon/config")) sidecar.config = *config;
  sidecar.log_level =
      reader.Word("spec/daemon/logLevel",
                  {{"info", "info"}, {"debug", "debug"}, {"warning", "warn"}, {"error", "error"}});
  // What may lose data is the operator's to decide: only it knows maxDataLossSeconds, the
  // repository and whether so many stores are damaged that something else is.
  sidecar.recovery_mode = reader.Word(
      "spec/recovery/mode",
      {{"RebuildOnly", "rebuild-only"}, {"Manual", "manual"}, {"Automatic", "rebuild-only"}});
  sidecar.awaits_bootstrap = reader.Text("spec/bootstrap") == "LatestSnapshot";
  sidecar.tls_secret = installation.tls_secret;
  sidecar.admin_names = installation.admin_names;
  TRY(reader.status());
  TRY(CheckConfig(sidecar.config).Context("spec.daemon.config"));
  TRY(ReadRepository(repository, &sidecar));
  return sidecar;
}

}  // namespace pannier::inject
