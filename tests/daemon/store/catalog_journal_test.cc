// Goal: what was asked for is remembered once, in order, and forgotten only when it has ended.
#include "daemon/store/catalog_journal.h"

#include <catch2/catch.hpp>

#include "daemon/store/catalog.h"
#include "tests/support/temp_dir.h"

namespace pannier::store {
namespace {

JournalEntry Entry(const std::string& request) {
  JournalEntry entry;
  entry.uid = Uuid::Random();
  entry.request = request;
  entry.state = "Pending";
  entry.created = entry.changed = FromNanoseconds(1'700'000'000'000'000'001);
  return entry;
}

struct JournalFixture {
  JournalFixture() {
    ConfigureSqlite();
    Reopen();
  }
  void Reopen() {
    journal.reset();
    catalog.reset();
    catalog = Catalog::Open(dir / "catalog.db", "", true).value();
    journal = std::make_unique<CatalogJournal>(catalog->file());
  }
  test::TempDir dir;
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<CatalogJournal> journal;
};

TEST_CASE("journal: an entry is found as it was written, also after reopening", "[daemon][store]") {
  JournalFixture fixture;
  JournalEntry entry = Entry("{\"a\":1}");
  REQUIRE(fixture.journal->Add(entry).ok());
  entry.state = "Succeeded";
  entry.result = "{}";
  entry.attempts = 3;
  entry.ended = true;
  entry.changed += std::chrono::nanoseconds(5);
  REQUIRE(fixture.journal->Update(entry).ok());
  fixture.Reopen();
  const JournalEntry found = fixture.journal->Find(entry.uid).value().value();
  REQUIRE(found.uid == entry.uid);
  REQUIRE(found.request == entry.request);
  REQUIRE(found.state == "Succeeded");
  REQUIRE(found.result == "{}");
  REQUIRE(found.attempts == 3);
  REQUIRE(found.ended);
  REQUIRE_FALSE(found.happened);
  REQUIRE(found.created == entry.created);
  REQUIRE(found.changed == entry.changed);
  REQUIRE_FALSE(fixture.journal->Find(Uuid::Random()).value().has_value());
  REQUIRE(fixture.journal->Update(Entry("x")).Is(Errc::kNotFound));
}

TEST_CASE("journal: a uid stands for one request", "[daemon][store]") {
  JournalFixture fixture;
  JournalEntry entry = Entry("one");
  REQUIRE(fixture.journal->Add(entry).ok());
  REQUIRE(fixture.journal->Add(entry).ok());
  entry.request = "two";
  REQUIRE(fixture.journal->Add(entry).Is(Errc::kConflict));
  REQUIRE(fixture.journal->List(10).value().size() == 1);
}

TEST_CASE("journal: lists the newest first, the unfinished oldest first, and forgets the ended",
          "[daemon][store]") {
  JournalFixture fixture;
  std::vector<JournalEntry> entries;
  for (const char* request : {"1", "2", "3", "4", "5"}) {
    entries.push_back(Entry(request));
    REQUIRE(fixture.journal->Add(entries.back()).ok());
  }
  const auto requests = [](const Result<std::vector<JournalEntry>>& list) {
    std::string joined;
    for (const JournalEntry& entry : list.value()) joined += entry.request;
    return joined;
  };
  for (const int i : {0, 2, 3}) {
    entries[static_cast<size_t>(i)].ended = true;
    REQUIRE(fixture.journal->Update(entries[static_cast<size_t>(i)]).ok());
  }
  REQUIRE(requests(fixture.journal->List(3)) == "543");
  REQUIRE(requests(fixture.journal->Unfinished()) == "25");
  REQUIRE(fixture.journal->Prune(1).ok());
  REQUIRE(requests(fixture.journal->List(10)) == "542");
  REQUIRE(fixture.journal->Prune(0).ok());
  REQUIRE(requests(fixture.journal->List(10)) == "52");
}

TEST_CASE("journal: a change of the catalog marks its operation in the same step",
          "[daemon][store]") {
  JournalFixture fixture;
  const JournalEntry entry = Entry("fork");
  REQUIRE(fixture.journal->Add(entry).ok());
  const CatalogEntry database{Uuid::Random(), Uuid::Random(), "t", "db"};
  REQUIRE(fixture.catalog->Insert(database, true, entry.uid).ok());
  REQUIRE(fixture.journal->Find(entry.uid).value()->happened);
  // Of an operation that the journal does not know nothing is noted.
  const CatalogEntry other{Uuid::Random(), Uuid::Random(), "t", "other"};
  REQUIRE(fixture.catalog->Insert(other, true, Uuid::Random()).ok());
  const JournalEntry second = Entry("fork again");
  REQUIRE(fixture.journal->Add(second).ok());
  REQUIRE(fixture.catalog->Insert(other, true, second.uid).Is(Errc::kConflict));
  REQUIRE_FALSE(fixture.journal->Find(second.uid).value()->happened);
}

TEST_CASE("journal: the epoch only rises, and is not forgotten", "[daemon][store]") {
  JournalFixture fixture;
  REQUIRE(fixture.journal->RaiseEpoch(0).ok());
  REQUIRE(fixture.journal->RaiseEpoch(7).ok());
  REQUIRE(fixture.journal->RaiseEpoch(7).ok());
  REQUIRE(fixture.journal->RaiseEpoch(6).Is(Errc::kPermissionDenied));
  fixture.Reopen();
  REQUIRE(fixture.journal->RaiseEpoch(6).Is(Errc::kPermissionDenied));
  REQUIRE(fixture.journal->RaiseEpoch(UINT64_MAX).ok());
  REQUIRE(fixture.journal->RaiseEpoch(8).Is(Errc::kPermissionDenied));
}

}  // namespace
}  // namespace pannier::store
