#include "tests/support/faulty_file_system.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

#include "lib/core/check.h"

namespace pannier::test {
namespace {

namespace fs = std::filesystem;
using file::File;
using file::OpenMode;
using file::Path;

constexpr uint64_t kPage = 4096;

std::string Slurp(const Path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void Spill(const Path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.flush();
  CHECK(out.good());
}

}  // namespace

struct FaultyFileSystem::Node {
  explicit Node(bool directory) : is_directory(directory) {}

  const bool is_directory;
  Names names;          // as the process sees them
  Names durable_names;  // as of the last sync
  std::string durable;  // bytes as of the last sync
  uint64_t dirty_from = std::numeric_limits<uint64_t>::max();
  uint64_t dirty_to = 0;

  void Touch(uint64_t from, uint64_t to) {
    dirty_from = std::min(dirty_from, from);
    dirty_to = std::max(dirty_to, to);
  }
  void Clean() {
    dirty_from = std::numeric_limits<uint64_t>::max();
    dirty_to = 0;
  }
};

// Decides what of the unsynced survives: nothing, or what a seeded coin says.
struct FaultyFileSystem::Keep {
  bool partly = false;
  std::mt19937_64 random;
  std::map<const Node*, std::string> seen;  // bytes as the process saw them

  bool Coin() { return partly && (random() & 1) != 0; }
  std::string BytesOf(const Node& node);
  Names NamesOf(const Node& node);
  // A fresh tree of what is left below `node`.
  NodePtr Survivor(const Node& node);
  void See(const Node& node, const Path& path);
};

std::string FaultyFileSystem::Keep::BytesOf(const Node& node) {
  const auto found = seen.find(&node);
  if (!partly || found == seen.end() || node.dirty_to == 0) return node.durable;
  const std::string& now = found->second;
  std::string bytes = node.durable;
  bytes.resize(Coin() ? now.size() : bytes.size());
  const uint64_t end = std::min<uint64_t>({node.dirty_to, bytes.size(), now.size()});
  for (uint64_t page = node.dirty_from / kPage * kPage; page < end; page += kPage) {
    if (Coin())
      bytes.replace(page, std::min(kPage, end - page), now, page, std::min(kPage, end - page));
  }
  return bytes;
}

FaultyFileSystem::Names FaultyFileSystem::Keep::NamesOf(const Node& node) {
  Names left = node.durable_names;
  for (const auto& [name, child] : node.names) {
    const auto before = node.durable_names.find(name);
    const bool same = before != node.durable_names.end() && before->second == child;
    if (!same && Coin()) left[name] = child;
  }
  for (const auto& [name, child] : node.durable_names) {
    if (!node.names.contains(name) && Coin()) left.erase(name);
  }
  return left;
}

FaultyFileSystem::NodePtr FaultyFileSystem::Keep::Survivor(const Node& node) {
  auto survivor = std::make_shared<Node>(node.is_directory);
  if (!node.is_directory) survivor->durable = BytesOf(node);
  for (const auto& [name, child] : NamesOf(node)) survivor->names[name] = Survivor(*child);
  survivor->durable_names = survivor->names;
  return survivor;
}

// Reads what the process sees, and removes it from the real directory.
void FaultyFileSystem::Keep::See(const Node& node, const Path& path) {
  for (const auto& [name, child] : node.names) {
    if (child->is_directory) {
      See(*child, path / name);
    } else if (partly) {
      seen[child.get()] = Slurp(path / name);
    }
    std::error_code not_empty;  // of files made around this seam
    fs::remove(path / name, not_empty);
  }
}

namespace {
// Writes a tree of Nodes out; a template because Node is private.
template <typename Node>
void WriteOut(const Node& node, const Path& path) {
  for (const auto& [name, child] : node.names) {
    if (child->is_directory) {
      fs::create_directory(path / name);
      WriteOut(*child, path / name);
    } else {
      Spill(path / name, child->durable);
    }
  }
}
}  // namespace

// One open file: passes calls on to the real one and keeps the Node's books.
class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFileSystem& files, FaultyFileSystem::NodePtr node, uint64_t generation,
             std::unique_ptr<File> real, Path path)
      : files_(files),
        node_(std::move(node)),
        generation_(generation),
        real_(std::move(real)),
        path_(std::move(path)) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<char> into) const override {
    TRY(files_.Step("read", path_));
    MutexLock lock(files_.mutex_);
    TRY(Alive());
    return real_->ReadAt(offset, into);
  }

  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    Status step = files_.Step("write", path_, FaultyFileSystem::Needs::kRoom);
    MutexLock lock(files_.mutex_);
    TRY(Alive());
    if (!step.ok()) bytes = bytes.substr(0, bytes.size() / 2);
    node_->Touch(offset, offset + bytes.size());
    TRY(real_->WriteAt(offset, bytes));
    return step;
  }

  Status Append(std::string_view bytes) override {
    const uint64_t size = TRY(real_->Size());
    return WriteAt(size, bytes);
  }

  Status Truncate(uint64_t size) override {
    TRY(files_.Step("truncate", path_));
    MutexLock lock(files_.mutex_);
    TRY(Alive());
    node_->Touch(size, std::numeric_limits<uint64_t>::max());
    return real_->Truncate(size);
  }

  Result<uint64_t> Size() const override {
    TRY(files_.Step("stat", path_));
    MutexLock lock(files_.mutex_);
    TRY(Alive());
    return real_->Size();
  }

  Status Sync() override {
    TRY(files_.Step("sync", path_));
    MutexLock lock(files_.mutex_);
    TRY(Alive());
    const uint64_t size = TRY(real_->Size());
    node_->durable.resize(size);
    const uint64_t end = std::min(node_->dirty_to, size);
    if (node_->dirty_from < end) {
      TRY(real_->ReadAt(node_->dirty_from, std::span(node_->durable.data() + node_->dirty_from,
                                                     end - node_->dirty_from)));
    }
    node_->Clean();
    return {};
  }

 private:
  // A process whose machine lost power has no open files.
  Status Alive() const REQUIRES(files_.mutex_) {
    if (generation_ == files_.generation_) return {};
    return Unavailable("the power was cut since " + path_.string() + " was opened");
  }

  FaultyFileSystem& files_;
  const FaultyFileSystem::NodePtr node_;
  const uint64_t generation_;
  const std::unique_ptr<File> real_;
  const Path path_;
};

FaultyFileSystem::FaultyFileSystem() : tree_(std::make_shared<Node>(true)) {}
FaultyFileSystem::~FaultyFileSystem() = default;

void FaultyFileSystem::FailCall(int n, Errc code) {
  MutexLock lock(mutex_);
  fail_at_ = calls_ + n;
  fail_on_ = full_ = faulted_ = false;
  fail_code_ = code;
}

void FaultyFileSystem::FailFrom(int n, Errc code) {
  FailCall(n, code);
  MutexLock lock(mutex_);
  fail_on_ = true;
}

void FaultyFileSystem::FillFrom(int n) {
  FailFrom(n, Errc::kStorageFull);
  MutexLock lock(mutex_);
  full_ = true;
}

void FaultyFileSystem::Heal() {
  MutexLock lock(mutex_);
  fail_at_ = 0;
}

bool FaultyFileSystem::Faulted() const {
  MutexLock lock(mutex_);
  return faulted_;
}

int FaultyFileSystem::calls() const {
  MutexLock lock(mutex_);
  return calls_;
}

int FaultyFileSystem::syncs() const {
  MutexLock lock(mutex_);
  return syncs_;
}

Status FaultyFileSystem::Step(std::string_view what, const Path& path, Needs needs) {
  MutexLock lock(mutex_);
  ++calls_;
  if (what.starts_with("sync")) ++syncs_;
  if (full_ && needs == Needs::kNothing) return {};
  const bool fails = fail_at_ != 0 && (fail_on_ ? calls_ >= fail_at_ : calls_ == fail_at_);
  if (!fails) return {};
  faulted_ = true;
  const std::string text = std::string(what) + " " + path.string() + ": ";
  const bool space = fail_code_ == Errc::kResourceExhausted || fail_code_ == Errc::kStorageFull;
  return Error{fail_code_, text + (space ? "No space left on device" : "Input/output error"), {}};
}

FaultyFileSystem::NodePtr FaultyFileSystem::Find(const Path& path) {
  const Path below = path.lexically_normal().lexically_relative(root_.path());
  NodePtr node = tree_;
  Path walked = root_.path();
  for (const Path& part : below) {
    if (part == "." || part.empty()) continue;
    if (part == ".." || !node->is_directory) return nullptr;  // outside
    walked /= part;
    const auto found = node->names.find(part.string());
    if (found != node->names.end()) {
      node = found->second;
      continue;
    }
    const fs::file_status status = fs::symlink_status(walked);
    if (!fs::is_regular_file(status) && !fs::is_directory(status)) return nullptr;
    auto adopted = std::make_shared<Node>(fs::is_directory(status));
    if (!adopted->is_directory) adopted->durable = Slurp(walked);
    node->names[part.string()] = node->durable_names[part.string()] = adopted;
    node = adopted;
  }
  return node;
}

Result<std::unique_ptr<File>> FaultyFileSystem::Open(const Path& path, OpenMode mode) {
  const bool may_create = mode == OpenMode::kCreate || mode == OpenMode::kCreateNew;
  const bool creates = may_create && !fs::exists(path);
  TRY(Step("open", path, creates ? Needs::kRoom : Needs::kNothing));
  MutexLock lock(mutex_);
  NodePtr node = Find(path);
  const NodePtr parent = Parent(path);
  std::unique_ptr<File> real = TRY(file::RealFileSystem().Open(path, mode));
  if (!parent) return real;
  if (!node) parent->names[path.filename().string()] = node = std::make_shared<Node>(false);
  return std::unique_ptr<File>(
      std::make_unique<FaultyFile>(*this, node, generation_, std::move(real), path));
}

Status FaultyFileSystem::Rename(const Path& from, const Path& to) {
  return RenameWith(&file::FileSystem::Rename, from, to);
}

Status FaultyFileSystem::RenameNew(const Path& from, const Path& to) {
  return RenameWith(&file::FileSystem::RenameNew, from, to);
}

Status FaultyFileSystem::RenameWith(Status (file::FileSystem::*rename)(const Path&, const Path&),
                                    const Path& from, const Path& to) {
  TRY(Step("rename", from));
  MutexLock lock(mutex_);
  const NodePtr node = Find(from);
  const NodePtr from_parent = Parent(from);
  const NodePtr to_parent = Parent(to);
  TRY((file::RealFileSystem().*rename)(from, to));
  const std::string old_name = from.filename().string(), new_name = to.filename().string();
  if (from_parent) from_parent->names.erase(old_name);
  if (to_parent && node) to_parent->names[new_name] = node;
  if (from_parent && to_parent && node && node->is_directory) {
    NoteMove({node, from_parent, to_parent, old_name, new_name});
  }
  return {};
}

void FaultyFileSystem::NoteMove(Move move) {
  const auto pending = std::find_if(moves_.begin(), moves_.end(),
                                    [&](const Move& each) { return each.node == move.node; });
  if (pending != moves_.end()) {
    move.from = pending->from;
    move.old_name = pending->old_name;
    moves_.erase(pending);
  }
  const auto durable = move.from->durable_names.find(move.old_name);
  const bool was_durable =
      durable != move.from->durable_names.end() && durable->second == move.node;
  if (was_durable && move.from != move.to) moves_.push_back(std::move(move));
}

void FaultyFileSystem::MakeDurable(const Move& move) {
  move.to->durable_names[move.new_name] = move.node;
  const auto old = move.from->durable_names.find(move.old_name);
  if (old != move.from->durable_names.end() && old->second == move.node) {
    move.from->durable_names.erase(old);
  }
}

Status FaultyFileSystem::Remove(const Path& path) {
  TRY(Step("remove", path));
  MutexLock lock(mutex_);
  const NodePtr parent = Parent(path);
  Find(path);  // so that a file made around us is known as durable before it goes
  TRY(file::RealFileSystem().Remove(path));
  if (parent) parent->names.erase(path.filename().string());
  return {};
}

Status FaultyFileSystem::MakeDirectory(const Path& path) {
  TRY(Step("create directory", path, Needs::kRoom));
  MutexLock lock(mutex_);
  const NodePtr parent = Parent(path);
  TRY(file::RealFileSystem().MakeDirectory(path));
  if (parent) parent->names[path.filename().string()] = std::make_shared<Node>(true);
  return {};
}

Result<std::vector<file::Entry>> FaultyFileSystem::List(const Path& path) {
  TRY(Step("list", path));
  return file::RealFileSystem().List(path);
}

Result<file::Info> FaultyFileSystem::Stat(const Path& path) {
  TRY(Step("stat", path));
  return file::RealFileSystem().Stat(path);
}

Status FaultyFileSystem::SyncDirectory(const Path& path) {
  TRY(Step("sync directory", path));
  MutexLock lock(mutex_);
  const NodePtr node = Find(path);
  if (!node) return {};
  node->durable_names = node->names;
  const auto ended = std::stable_partition(moves_.begin(), moves_.end(), [&](const Move& move) {
    return move.from != node && move.to != node;
  });
  std::for_each(ended, moves_.end(), MakeDurable);
  moves_.erase(ended, moves_.end());
  return {};
}

Result<file::Space> FaultyFileSystem::FreeSpace(const Path& path) {
  TRY(Step("ask for the free space of", path));
  return file::RealFileSystem().FreeSpace(path);
}

void FaultyFileSystem::Crash() { CrashKeeping({}); }

void FaultyFileSystem::CrashPartly(uint64_t seed) {
  CrashKeeping({.partly = true, .random = std::mt19937_64(seed), .seen = {}});
}

void FaultyFileSystem::CrashKeeping(Keep keep) {
  MutexLock lock(mutex_);
  keep.See(*tree_, root_.path());
  for (const Move& move : moves_) {
    if (keep.Coin()) {
      MakeDurable(move);
      continue;
    }
    move.to->names.erase(move.new_name);
    move.from->names[move.old_name] = move.node;
  }
  moves_.clear();
  tree_ = keep.Survivor(*tree_);
  WriteOut(*tree_, root_.path());
  ++generation_;
  fail_at_ = 0;
}

}  // namespace pannier::test
