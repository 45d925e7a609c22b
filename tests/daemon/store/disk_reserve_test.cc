#include "daemon/store/disk_reserve.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/faulty_vfs.h"

namespace pannier::store {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kBytes = 1 << 20;

TEST_CASE("disk reserve: it takes its bytes of disk until it is released", "[daemon][store]") {
  const test::TempDir dir;
  DiskReserve reserve(dir / "reserve", kBytes, file::RealFileSystem());
  REQUIRE_FALSE(reserve.Release());
  reserve.Refill();
  REQUIRE(reserve.is_full());
  REQUIRE(file::RealFileSystem().Stat(dir / "reserve")->disk_bytes >= kBytes);
  REQUIRE(reserve.Release());
  REQUIRE_FALSE(reserve.is_full());
  REQUIRE_FALSE(fs::exists(dir / "reserve"));
  REQUIRE_FALSE(reserve.Release());
  reserve.Refill();
  REQUIRE(reserve.is_full());
}

TEST_CASE("disk reserve: one that a crash left is taken on", "[daemon][store]") {
  const test::TempDir dir;
  DiskReserve(dir / "reserve", kBytes, file::RealFileSystem()).Refill();
  DiskReserve reserve(dir / "reserve", kBytes, file::RealFileSystem());
  REQUIRE(reserve.Release());
}

TEST_CASE("disk reserve: none is made where nobody wants it", "[daemon][store]") {
  const test::TempDir dir;
  DiskReserve none(dir / "none", 0, file::RealFileSystem());
  none.Refill();
  REQUIRE_FALSE(none.Release());
  REQUIRE(fs::is_empty(dir.path()));
}

TEST_CASE("disk reserve: a failure to write it is tried again", "[daemon][store][fault]") {
  test::FaultyFileSystem files;
  DiskReserve reserve(files.root() / "reserve", kBytes, files);
  files.FillFrom(1);
  reserve.Refill();
  REQUIRE_FALSE(reserve.is_full());
  files.Heal();
  reserve.Refill();
  REQUIRE(reserve.is_full());
}

// A host whose reserve is what makes the disk usable again.
class FullHost final : public StoreHost {
 public:
  explicit FullHost(test::FaultyFileSystem& files) : files_(files) {}
  bool MakeRoom(uint64_t) override { return true; }
  bool WantGraph(std::weak_ptr<index::VectorIndex>) override { return false; }
  void WantUpkeep() override {}
  bool ReleaseReserve() override {
    ++released;
    if (has_reserve) files_.Heal();
    return has_reserve;
  }
  bool IsFenced(const StoreName&) const override { return false; }
  void OnCommit(uint64_t, std::chrono::nanoseconds, std::chrono::nanoseconds) override {}
  void OnSearch(bool, std::chrono::nanoseconds) override {}
  void OnChecksumFailure(const StoreName&, const std::string&) override {}

  bool has_reserve = true;
  int released = 0;

 private:
  test::FaultyFileSystem& files_;
};

TEST_CASE("store: on a full disk writes are refused with what to do, and deletions work",
          "[daemon][store][fault]") {
  test::FaultyFileSystem files;
  const test::FaultyVfs vfs(files);
  StoreOptions options;
  options.sqlite_vfs = vfs.name();
  FullHost host(files);
  const std::string folder = files.root().string();
  ConfigureSqlite();
  REQUIRE(CreateStoreFile(folder + "/store.db", options.sqlite_vfs).ok());
  const auto store = SqliteStore::Open(folder, options, host, files, {"t", "d"}).value();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  REQUIRE(
      Write(*store, id, model::WriteKind::kAdd, {{"a", {}, "x", {}, {}}, {"b", {}, "y", {}, {}}})
          .ok());
  files.FillFrom(1);
  const Status refused = Write(*store, id, model::WriteKind::kAdd, {{"c", {}, "z", {}, {}}});
  REQUIRE(refused.Is(Errc::kStorageFull));
  REQUIRE(refused.error().hint.find("delete records") != std::string::npos);
  REQUIRE(host.released == 0);
  REQUIRE(IdsOf(Get(*store, id).value()) == std::vector<std::string>{"a", "b"});
  const bool collection = GENERATE(true, false);
  if (collection) {
    REQUIRE(store->DeleteCollection("c", Patient()).ok());
    REQUIRE(store->CountCollections() == 0);
  } else {
    const model::Selection selection{std::vector<std::string>{"a"}, {}};
    REQUIRE(store->Delete(id, selection, {}, Patient()).value() == 1);
    REQUIRE(IdsOf(Get(*store, id).value()) == std::vector<std::string>{"b"});
  }
  REQUIRE(host.released == 1);
  files.FillFrom(1);
  host.has_reserve = false;
  REQUIRE(store->CreateCollection(Collection("d"), Patient()).Is(Errc::kStorageFull));
  files.Heal();
  REQUIRE(store->CreateCollection(Collection("d"), Patient()).ok());
}

}  // namespace
}  // namespace pannier::store
