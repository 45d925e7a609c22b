// Goal: what is readable comes back as it was, what is not is filled from the snapshot or listed,
// and nothing is made up. tests/flips does the same at random.
#include "daemon/salvage/salvage.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/store/page_checksum.h"
#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::salvage {
namespace {

namespace fs = std::filesystem;
using store::Patient;
using store::Record;
constexpr uint64_t kPage = store::kStorePageBytes;

Record Doc(int i, const std::string& text) {
  Record record;
  record.id = "doc-" + std::to_string(i);
  record.vector = {static_cast<float>(i), 1, 2};
  record.document = text + std::string(500, ' ');
  return record;
}

// A hundred records over some pages, and a snapshot from when there were fifty.
class Damaged {
 public:
  Damaged() {
    store::ConfigureSqlite();
    for (const char* folder : {"damaged", "snapshot", "fresh"}) fs::create_directory(dir_ / folder);
    store::CreateStoreFile(file(), "").value();
    store::CountingHost host;
    const auto store =
        store::SqliteStore::Open(dir_ / "damaged", {}, host, file::RealFileSystem()).value();
    const auto made = store->CreateCollection(store::Collection("docs"), Patient()).value();
    for (int i = 0; i < 100; ++i) {
      store::Write(*store, made->id, model::WriteKind::kAdd, {Doc(i, "text")}).value();
      if (i != 49) continue;
      store->Flush(Patient()).value();
      fs::copy_file(file(), dir_ / "snapshot" / "store.db");
    }
    sequence_ = store->sequence();
  }
  std::string file() const { return (dir_ / "damaged" / "store.db").string(); }
  uint64_t written() const { return sequence_; }  // its newest sequence
  // The page where a text stands, from 0.
  uint64_t PageWith(const std::string& text) const {
    std::ifstream in(file(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const size_t at = bytes.find(text);
    REQUIRE(at != std::string::npos);
    return at / kPage;
  }
  void Zero(uint64_t from, uint64_t count) {
    std::fstream out(file(), std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(from));
    out << std::string(count, '\0');
  }
  Result<Report> Salvage(bool with_snapshot) {
    return SalvageStore(dir_ / "damaged", with_snapshot ? (dir_ / "snapshot").string() : "",
                        dir_ / "fresh", "", nullptr);
  }
  std::vector<Record> Fresh() {
    store::CountingHost host;
    const auto store =
        store::SqliteStore::Open(dir_ / "fresh", {}, host, file::RealFileSystem()).value();
    const auto info = store->ListCollections(std::nullopt, 0).at(0);
    fresh_name = info->name;
    fresh_sequence = store->sequence();
    return store::Get(*store, info->id).value();
  }

  std::string fresh_name;
  uint64_t fresh_sequence = 0;

 private:
  test::TempDir dir_;
  uint64_t sequence_ = 0;
};

TEST_CASE("salvage: a sound store comes back whole", "[daemon][salvage]") {
  Damaged damaged;
  const Report report = damaged.Salvage(false).value();
  REQUIRE(report.records == 100);
  REQUIRE(report.lost_total == 0);
  REQUIRE(report.lost_exact);
  REQUIRE(report.sequence == damaged.written());
  const auto records = damaged.Fresh();
  REQUIRE(records.size() == 100);
  for (int i = 0; i < 100; ++i) REQUIRE(records[static_cast<size_t>(i)] == Doc(i, "text"));
  REQUIRE(damaged.fresh_sequence == report.sequence);
}

TEST_CASE("salvage: lost records are listed by id, or filled from the snapshot",
          "[daemon][salvage][fault]") {
  const bool with_snapshot = GENERATE(false, true);
  Damaged damaged;
  damaged.Zero(damaged.PageWith("doc-10text") * kPage, kPage);
  const Report report = damaged.Salvage(with_snapshot).value();
  REQUIRE(report.lost_exact);
  REQUIRE(report.records + report.lost_total == 100);
  REQUIRE(report.lost.size() == report.lost_total);
  REQUIRE((report.from_snapshot > 0) == with_snapshot);
  REQUIRE((report.lost_total > 0) == !with_snapshot);
  for (const LostRecord& lost : report.lost) {
    REQUIRE(lost.collection == "docs");
    REQUIRE(lost.id == "doc-" + std::to_string(lost.record - 1));
  }
  REQUIRE(damaged.Fresh().size() == report.records);
}

TEST_CASE("salvage: of a torn page all but the torn records come back",
          "[daemon][salvage][fault]") {
  Damaged damaged;
  const uint64_t page = damaged.PageWith("doc-10text");
  damaged.Zero((page + 1) * kPage - 1'000, 600);
  const Report report = damaged.Salvage(false).value();
  REQUIRE(report.lost_exact);
  REQUIRE(report.lost_total >= 1);
  REQUIRE(report.lost_total <= 3);
}

TEST_CASE("salvage: without its first page a store is told by its contents",
          "[daemon][salvage][fault]") {
  const bool with_snapshot = GENERATE(false, true);
  Damaged damaged;
  damaged.Zero(0, kPage);
  const Report report = damaged.Salvage(with_snapshot).value();
  REQUIRE(report.records == 100);
  REQUIRE(report.lost_total == 0);
  const auto records = damaged.Fresh();
  REQUIRE(records.size() == 100);
  REQUIRE(records[42] == Doc(42, "text"));
  REQUIRE(damaged.fresh_name == "docs");
}

TEST_CASE("salvage: without its row a collection comes from the snapshot, or has a new name",
          "[daemon][salvage][fault]") {
  const bool with_snapshot = GENERATE(false, true);
  Damaged damaged;
  damaged.Zero(damaged.PageWith("space=l2") * kPage, kPage);
  const Report report = damaged.Salvage(with_snapshot).value();
  REQUIRE(report.records == 100);
  REQUIRE_FALSE((report.messages.empty() && !with_snapshot));
  REQUIRE(damaged.Fresh().size() == 100);
  REQUIRE(damaged.fresh_name == "docs");  // the index of names says so
}

TEST_CASE("salvage: what is no store at all is refused", "[daemon][salvage][fault]") {
  Damaged damaged;
  SECTION("zeros") { damaged.Zero(0, fs::file_size(damaged.file())); }
  SECTION("empty") { fs::resize_file(damaged.file(), 0); }
  SECTION("text") { std::ofstream(damaged.file()) << "hello"; }
  REQUIRE(damaged.Salvage(false).Is(Errc::kCorruption));
  fs::remove(damaged.file());
  REQUIRE(damaged.Salvage(false).Is(Errc::kNotFound));
}

// Cut so that what says that there was something is left, but neither records nor their ids.
TEST_CASE("salvage: a store of which no record can be read is not given up for an empty one",
          "[daemon][salvage][fault]") {
  const bool with_snapshot = GENERATE(false, true);
  Damaged damaged;
  fs::resize_file(damaged.file(), 6 * kPage);
  const auto report = damaged.Salvage(with_snapshot);
  if (!with_snapshot) {
    REQUIRE(report.Is(Errc::kCorruption));
    REQUIRE(report.error().what.find("not known") != std::string::npos);
    REQUIRE_FALSE(report.error().hint.empty());
    return;
  }
  REQUIRE(report.ok());
  REQUIRE(report->from_snapshot == 50);
  REQUIRE(report->records == 50);
  REQUIRE_FALSE(report->lost_exact);
  REQUIRE(report->messages.at(0).find("not known exactly") != std::string::npos);
}

TEST_CASE("salvage: a report survives JSON", "[daemon][salvage]") {
  Report report;
  report.collections = 2;
  report.records = 3;
  report.lost_total = 1;
  report.lost = {{"docs", "id \"1\"", 7}};
  report.lost_exact = false;
  report.messages = {"a", "b"};
  report.sequence = 99;
  const Report again = ReportFromJson(ReportToJson(report)).value();
  REQUIRE(again.records == 3);
  REQUIRE(again.lost.at(0).id == "id \"1\"");
  REQUIRE(again.lost.at(0).record == 7);
  REQUIRE_FALSE(again.lost_exact);
  REQUIRE(again.messages == report.messages);
  REQUIRE(again.sequence == 99);
  REQUIRE_FALSE(ReportFromJson("{}").ok());
}

}  // namespace
}  // namespace pannier::salvage
