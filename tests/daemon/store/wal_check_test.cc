// Goal: a damaged log is told from one that a crash tore, so that no acknowledged commit is dropped
// in silence, and no crash keeps a store from opening.
#include "daemon/store/wal_check.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/store/store_file.h"
#include "daemon/store/wal_format.h"
#include "tests/support/temp_dir.h"

namespace pannier::store {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kFrame = kFrameHeaderBytes + kStorePageBytes;

// What a killed process leaves after some commits, each of one frame.
class Left {
 public:
  explicit Left(int commits) {
    ConfigureSqlite();
    const std::string live = (dir_ / "live.db").string();
    CreateStoreFile(live, "").value();
    Connection writer = OpenStoreWriter(live, "").value();
    for (int i = 1; i <= commits; ++i) {
      writer.Run("UPDATE counters SET records = " + std::to_string(i)).value();
    }
    for (const char* suffix : {"", "-wal", "-ack"}) fs::copy_file(live + suffix, path() + suffix);
  }
  std::string path() const { return (dir_ / "left.db").string(); }
  std::string log() const { return path() + "-wal"; }
  void WithoutPromise() { fs::remove(path() + "-ack"); }
  // As a write that the disk failed leaves it: the next header is there by half.
  void BeginHalfAnew() {
    WithoutPromise();
    constexpr int kLastByteOfTimesBegun = 15;
    std::fstream file(log(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(kLastByteOfTimesBegun);
    const auto times = static_cast<char>(file.get() + 1);
    file.seekp(kLastByteOfTimesBegun);
    file.put(times);
  }
  void Flip(uint64_t at) {
    std::fstream file(log(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const auto byte = static_cast<char>(file.get() ^ 4);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  void FlipInFrame(uint64_t frame, uint64_t within) {
    Flip(kLogHeaderBytes + frame * kFrame + within);
  }
  void CutTo(uint64_t frames) { fs::resize_file(log(), kLogHeaderBytes + frames * kFrame); }
  LogCheck Check() { return CheckLog(path(), "").value(); }
  // What a store would say now; nothing when it is not opened.
  std::optional<int64_t> Value() {
    auto opened = OpenStoreWriter(path(), "");
    if (!opened.ok()) {
      CHECK(opened.Is(Errc::kCorruption));
      return std::nullopt;
    }
    return opened->QueryInt("SELECT records FROM counters").value();
  }

 private:
  test::TempDir dir_;
};

TEST_CASE("wal check: a whole log is sound, and none at all as well", "[daemon][store]") {
  Left left(5);
  REQUIRE(left.Check().damage.empty());
  REQUIRE(left.Check().commits == 5);
  REQUIRE(left.Value() == 5);
  REQUIRE(left.Check().commits == 0);  // the last connection moved it
  REQUIRE(left.Check().damage.empty());
}

TEST_CASE("wal check: a flip in any frame of an acknowledged log is damage",
          "[daemon][store][fault]") {
  const uint64_t frame = GENERATE(0, 2, 4);
  const uint64_t within = GENERATE(2, 6, 9, 17, 24, 9'000, kFrame - 1);
  CAPTURE(frame, within);
  Left left(5);
  left.FlipInFrame(frame, within);
  REQUIRE_FALSE(left.Check().damage.empty());
  REQUIRE_FALSE(left.Value().has_value());
}

TEST_CASE("wal check: a flip in the header of an acknowledged log is damage",
          "[daemon][store][fault]") {
  const uint64_t at = GENERATE(range(0, 32));
  CAPTURE(at);
  Left left(3);
  left.Flip(at);
  REQUIRE_FALSE(left.Value().has_value());
}

TEST_CASE("wal check: an acknowledged log that is cut, emptied or gone is damage",
          "[daemon][store][fault]") {
  Left left(5);
  SECTION("cut after a commit") { left.CutTo(4); }
  SECTION("cut within a frame") { fs::resize_file(left.log(), fs::file_size(left.log()) - 7); }
  SECTION("emptied") { fs::resize_file(left.log(), 0); }
  SECTION("gone") { fs::remove(left.log()); }
  REQUIRE_THAT(left.Check().damage, Catch::Contains("acknowledged"));
  REQUIRE_FALSE(left.Value().has_value());
}

TEST_CASE("wal check: without a promise a bad frame before whole commits is damage",
          "[daemon][store][fault]") {
  const uint64_t frame = GENERATE(0, 1, 2);
  Left left(5);
  left.WithoutPromise();
  left.FlipInFrame(frame, 5'000);
  REQUIRE_FALSE(left.Value().has_value());
}

TEST_CASE("wal check: without a promise a bad last commit is what a power failure leaves",
          "[daemon][store][fault]") {
  Left left(5);
  left.WithoutPromise();
  left.FlipInFrame(4, 5'000);
  REQUIRE(left.Check().dropped);
  const uint64_t before = DroppedTransactions();
  REQUIRE(left.Value() == 4);
  REQUIRE(DroppedTransactions() == before + 1);
}

TEST_CASE("wal check: what was written after the promise may be torn", "[daemon][store][fault]") {
  Left left(5);
  // A transaction that was never synced: half of a frame.
  std::ofstream(left.log(), std::ios::binary | std::ios::app) << std::string(kFrame / 2, 'x');
  REQUIRE(left.Check().damage.empty());
  REQUIRE(left.Value() == 5);
}

TEST_CASE("wal check: a damaged promise promises nothing", "[daemon][store][fault]") {
  Left left(3);
  std::fstream(left.path() + "-ack", std::ios::in | std::ios::out | std::ios::binary).put('?');
  left.CutTo(2);
  REQUIRE(left.Check().damage.empty());
  REQUIRE(left.Value() == 2);
}

// A log that is begun anew is in the file, and nothing of it is promised.
TEST_CASE("wal check: half of a next header is no damage", "[daemon][store][fault]") {
  Left left(3);
  left.BeginHalfAnew();
  REQUIRE(left.Check().damage.empty());
  REQUIRE(left.Value() == 0);
}

// Of another generation, as their salts say: nothing that follows.
TEST_CASE("wal check: transactions behind a log that was begun over half a header are old",
          "[daemon][store][fault]") {
  Left left(5);
  left.BeginHalfAnew();
  Connection writer = OpenStoreWriter(left.path(), "").value();
  writer.Run("UPDATE counters SET records = 9").value();
  REQUIRE(left.Check().damage.empty());
  REQUIRE(left.Check().commits == 1);
  REQUIRE_FALSE(left.Check().dropped);
}

TEST_CASE("wal check: a clean close withdraws the promise", "[daemon][store]") {
  Left left(3);
  REQUIRE(left.Value() == 3);  // opened and closed
  REQUIRE_FALSE(fs::exists(left.log()));
  REQUIRE(left.Value() == 3);
}

}  // namespace
}  // namespace pannier::store
