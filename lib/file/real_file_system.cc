// FileSystem over POSIX calls.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/file/descriptor.h"
#include "lib/file/file_system.h"

namespace pannier::file {
namespace {

Error Failed(std::string_view verb, const Path& path) {
  const int error_number = errno;
  return FromErrno(error_number, std::string(verb) + " " + path.string());
}

Kind KindOf(mode_t mode) {
  if (S_ISREG(mode)) return Kind::kFile;
  if (S_ISDIR(mode)) return Kind::kDirectory;
  return Kind::kOther;
}

class RealFile final : public File {
 public:
  RealFile(Descriptor descriptor, Path path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<char> into) const override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t got = ::pread(descriptor_.get(), into.data() + done, into.size() - done,
                                  static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Failed("read", path_);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t put =
          ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return Failed("write", path_);
      offset += static_cast<uint64_t>(put);
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return {};
  }

  Status Append(std::string_view bytes) override { return WriteAt(TRY(Size()), bytes); }

  Status Truncate(uint64_t size) override {
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(size)) != 0)
      return Failed("truncate", path_);
    return {};
  }

  Result<uint64_t> Size() const override {
    struct stat info {};
    if (::fstat(descriptor_.get(), &info) != 0) return Failed("stat", path_);
    return static_cast<uint64_t>(info.st_size);
  }

  Status Sync() override {
    if (::fsync(descriptor_.get()) != 0) return Failed("sync", path_);
    return {};
  }

 private:
  const Descriptor descriptor_;
  const Path path_;
};

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case OpenMode::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

Result<Kind> KindOfEntry(int directory, const dirent& entry, const Path& path) {
  if (entry.d_type == DT_REG) return Kind::kFile;
  if (entry.d_type == DT_DIR) return Kind::kDirectory;
  if (entry.d_type != DT_UNKNOWN) return Kind::kOther;
  struct stat info {};  // some file systems do not fill d_type
  if (::fstatat(directory, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return Failed("stat", path / entry.d_name);
  return KindOf(info.st_mode);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> Open(const Path& path, OpenMode mode) override {
    Descriptor descriptor(::open(path.c_str(), FlagsOf(mode) | O_CLOEXEC, 0600));
    if (!descriptor) return Failed(mode == OpenMode::kCreateNew ? "create" : "open", path);
    return std::unique_ptr<File>(std::make_unique<RealFile>(std::move(descriptor), path));
  }

  Status Rename(const Path& from, const Path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      return Failed("rename " + from.string() + " to", to);
    return {};
  }

  Status RenameNew(const Path& from, const Path& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS) return Failed("rename " + from.string() + " to", to);
    // NFS and some others do not know the flag; a second name for a file is as atomic.
    if (::link(from.c_str(), to.c_str()) != 0) return Failed("link " + from.string() + " to", to);
    return Remove(from);
  }

  Status Remove(const Path& path) override {
    if (::remove(path.c_str()) != 0) return Failed("remove", path);
    return {};
  }

  Status MakeDirectory(const Path& path) override {
    if (::mkdir(path.c_str(), 0700) != 0) return Failed("create directory", path);
    return {};
  }

  Result<std::vector<Entry>> List(const Path& path) override {
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
    if (!directory) return Failed("list", path);
    std::vector<Entry> entries;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());
      if (entry == nullptr && errno != 0) return Failed("list", path);
      if (entry == nullptr) break;
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      const Kind kind = TRY(KindOfEntry(::dirfd(directory.get()), *entry, path));
      entries.push_back({std::string(name), kind});
    }
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    return entries;
  }

  Result<Info> Stat(const Path& path) override {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return Failed("stat", path);
    const WallTime modified(std::chrono::seconds(info.st_mtim.tv_sec) +
                            std::chrono::nanoseconds(info.st_mtim.tv_nsec));
    return Info{KindOf(info.st_mode), static_cast<uint64_t>(info.st_size),
                static_cast<uint64_t>(info.st_blocks) * 512, modified};
  }

  Status SyncDirectory(const Path& path) override {
    const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!descriptor) return Failed("open directory", path);
    if (::fsync(descriptor.get()) != 0) return Failed("sync directory", path);
    return {};
  }

  Result<Space> FreeSpace(const Path& path) override {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) return Failed("ask for the free space of", path);
    return Space{info.f_blocks * info.f_frsize, info.f_bavail * info.f_frsize,
                 (info.f_flag & ST_RDONLY) != 0};
  }
};

}  // namespace

FileSystem& RealFileSystem() {
  static PosixFileSystem files;
  return files;
}

}  // namespace pannier::file
