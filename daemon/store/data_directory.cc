#include "daemon/store/data_directory.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

namespace pannier::store {
namespace {

constexpr uint64_t kDirectoryFormat = 1;
constexpr uint64_t kOldestFormat = 1;
constexpr uint64_t kIdentityBytesMax = 64 << 10;

// What may lie in a folder that we make our own: nothing but what a volume or we ourselves put
// there first.
bool MayPrecedeUs(const std::string& name) {
  return name == "LOCK" || name == "lost+found" || name == "identity.json.new" ||
         name == "bootstrap.json";
}

Status CheckEmpty(file::FileSystem& files, const std::string& path) {
  for (const file::Entry& entry : TRY(files.List(path))) {
    if (MayPrecedeUs(entry.name)) continue;
    if (entry.name == "catalog.db" || entry.name == "stores") {
      return Corruption(path + " is a data directory of pannierd whose identity.json is missing",
                        "restore identity.json from a copy of the data directory; it is not made "
                        "anew, because it guards against serving a wrong volume");
    }
    return InvalidArgument(
        path + " is not a data directory of pannierd: it has no identity.json, but holds " +
            entry.name,
        "name an empty directory with --data");
  }
  return {};
}

// What to try where only the system spoke.
Status WithHint(Status status, const std::string& path) {
  if (status.ok() || !status.error().hint.empty()) return status;
  Error error = std::move(status).error();
  std::error_code ignored;
  if (std::filesystem::is_directory(path + "/LOCK", ignored)) {
    error.hint = "LOCK is a directory, but pannierd keeps a file of that name: remove it";
  } else if (error.code != Errc::kStorageFull) {
    error.hint = path +
                 " must be a directory that the user of pannierd may write, on a volume "
                 "that is not mounted read-only";
  }
  return error;
}

Result<Uuid> ParseIdentity(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("format") || !json["format"].is_number_integer()) {
    return Corruption("it is damaged",
                      "restore it from a copy of the data directory; it is not made anew, "
                      "because it guards against serving a wrong volume");
  }
  // Numbers below zero are of another kind, which is_number_unsigned() tells apart.
  if (!json["format"].is_number_unsigned() || json["format"].get<uint64_t>() < kOldestFormat)
    return Corruption("its format is damaged", "restore it from a copy of the data directory");
  const auto format = json["format"].get<uint64_t>();
  if (format > kDirectoryFormat) {
    return Unimplemented("data directory format " + std::to_string(format) + " is newer than " +
                             std::to_string(kDirectoryFormat) + ", the newest this version reads",
                         "run the version of pannierd that wrote it, or a newer one");
  }
  const auto text_of_id = json.find("instanceID");
  if (text_of_id == json.end() || !text_of_id->is_string())
    return Corruption("it has no instanceID");
  const auto id = Uuid::Parse(text_of_id->get<std::string>());
  if (!id) return Corruption("its instanceID is damaged");
  return *id;
}

}  // namespace

bool DataDirectory::Knows(const std::string& name) {
  constexpr std::string_view kNames[] = {
      "LOCK",       "lost+found",        "identity.json", "catalog.db",     "stores",  "staging",
      "quarantine", "repositories.json", "scrub.json",    "bootstrap.json", "reserve", "probe"};
  // The catalog's log and what belongs to that carry its name.
  if (name.rfind("catalog.db-", 0) == 0) return true;
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

Result<DataDirectory> DataDirectory::Open(const std::string& path, file::FileSystem& files) {
  TRY(WithHint(file::MakeDirectories(files, path).Context("data directory"), path));
  Result<file::FileLock> lock = file::FileLock::Acquire(path + "/LOCK");
  if (!lock.ok()) TRY(WithHint(Status(lock.error()), path));
  DataDirectory directory(path, std::move(lock).value());
  TRY(WithHint(directory.ReadOrMakeIdentity(files), path));
  TRY(WithHint(file::MakeDirectories(files, directory.stores_path()), path));
  return directory;
}

Status DataDirectory::ReadOrMakeIdentity(file::FileSystem& files) {
  const std::string path = path_ + "/identity.json";
  if (TRY(file::Exists(files, path))) {
    instance_id_ =
        TRY(ParseIdentity(TRY(file::ReadFile(files, path, kIdentityBytesMax))).Context(path));
    return {};
  }
  TRY(CheckEmpty(files, path_));
  instance_id_ = Uuid::Random();
  const nlohmann::json identity = {{"format", kDirectoryFormat},
                                   {"instanceID", instance_id_.ToString()}};
  return file::ReplaceFile(files, path, identity.dump(2) + "\n");
}

}  // namespace pannier::store
