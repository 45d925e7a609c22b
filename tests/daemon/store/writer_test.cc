// Goal: a transaction of the writer is all or nothing, in the rows and in the caches.
#include "daemon/store/writer.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

struct WriterFixture {
  WriterFixture() { Reopen(); }
  void Reopen() {
    writer.reset();
    writer = Writer::Open(OpenStoreWriter(store.file(), "").value(), published, InMemory).value();
  }
  Uuid Create(const std::string& name) {
    writer->Begin().value();
    const Uuid id = writer->CreateCollection(Collection(name)).value()->id;
    writer->Commit().value();
    return id;
  }
  Status Add(const Uuid& id, const std::vector<Record>& records) {
    return writer->Write(id, model::WriteKind::kAdd, Batch(records));
  }
  std::shared_ptr<CollectionIndexes> IndexesOf(const Uuid& id) {
    return published.Get()->Find(id)->indexes;
  }
  LoneStore store;
  PublishedCollections published;
  std::unique_ptr<Writer> writer;
};

TEST_CASE("writer: a transaction that changes nothing costs no sequence", "[daemon][store]") {
  WriterFixture fixture;
  const Uuid id = fixture.Create("c");
  const index::Sequence before = fixture.writer->sequence();
  REQUIRE(fixture.writer->Begin().ok());
  REQUIRE(fixture.writer->Write(id, model::WriteKind::kUpdate, Batch({{"absent", {}, "d", {}, {}}}))
              .ok());
  REQUIRE(fixture.writer->Commit().ok());
  REQUIRE(fixture.writer->sequence() == before);
}

TEST_CASE("writer: what was aborted is in no later sequence", "[daemon][store]") {
  WriterFixture fixture;
  const Uuid id = fixture.Create("c");
  REQUIRE(fixture.writer->Begin().ok());
  REQUIRE(fixture.Add(id, {{"a", {1, 2}, {}, {}, {}}}).ok());
  REQUIRE(fixture.writer->CreateCollection(Collection("other")).ok());
  fixture.writer->Abort();
  REQUIRE(fixture.published.Get()->Find("other") == nullptr);
  REQUIRE_FALSE(fixture.published.Get()->Find(id)->info->dimension.has_value());

  REQUIRE(fixture.writer->Begin().ok());
  REQUIRE(fixture.Add(id, {{"b", {1, 2, 3}, {}, {}, {}}}).ok());  // another dimension is free again
  REQUIRE(fixture.writer->Commit().ok());
  const auto vectors = fixture.IndexesOf(id)->vectors();
  REQUIRE(vectors->At(fixture.writer->sequence())->live() == 1);
  REQUIRE(fixture.IndexesOf(id)->records == 1);
}

TEST_CASE("writer: a deletion that is aborted leaves no half write in the caches",
          "[daemon][store]") {
  WriterFixture fixture;
  const Uuid id = fixture.Create("c");
  REQUIRE(fixture.writer->Begin().ok());
  REQUIRE(fixture.Add(id, {{"a", {1, 2}, {}, {}, {}}}).ok());
  REQUIRE(fixture.writer->Commit().ok());

  REQUIRE(fixture.writer->Begin().ok());
  REQUIRE(fixture.Add(id, {{"b", {3, 4}, {}, {}, {}}}).ok());
  REQUIRE(fixture.writer->DeleteCollection("c").ok());
  REQUIRE_FALSE(fixture.writer->Knows(id));
  REQUIRE(fixture.Add(id, {{"c", {3, 4}, {}, {}, {}}}).Is(Errc::kNotFound));
  fixture.writer->Abort();

  REQUIRE(fixture.writer->Knows(id));
  const Uuid other = fixture.Create("other");
  REQUIRE(fixture.IndexesOf(id)->vectors()->At(fixture.writer->sequence())->live() == 1);
  REQUIRE(fixture.published.Get()->Find(other) != nullptr);
}

TEST_CASE("writer: a refused change leaves the transaction to the others", "[daemon][store]") {
  WriterFixture fixture;
  const Uuid id = fixture.Create("c");
  REQUIRE(fixture.writer->Begin().ok());
  REQUIRE(fixture.Add(id, {{"a", {1, 2}, {}, {}, {}}}).ok());
  REQUIRE(fixture.Add(id, {{"b", {1, 2, 3}, {}, {}, {}}}).Is(Errc::kInvalidArgument));
  REQUIRE(fixture.writer->CreateCollection(Collection("c")).Is(Errc::kConflict));
  REQUIRE(fixture.writer->DeleteCollection("none").Is(Errc::kNotFound));
  REQUIRE_FALSE(fixture.writer->broken());
  REQUIRE(fixture.writer->Commit().ok());
  fixture.Reopen();
  const uint32_t number = fixture.published.Get()->Find("c")->info->number;
  REQUIRE(fixture.writer->CountersOf(number).value().records == 1);
}

// Method: change one letter of an id where the index keeps it, but not where the row does.
TEST_CASE("writer: an update through a damaged id index touches no other record",
          "[daemon][store][fault]") {
  LoneStore store;
  Uuid id;
  {
    const auto open = store.Open();
    id = open->CreateCollection(Collection("c"), Patient()).value()->id;
    REQUIRE(Write(*open, id, model::WriteKind::kAdd, {{"id-two", {1, 2}, "DOC", {}, {}}}).ok());
  }
  std::fstream file(store.file(), std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  size_t in_index = bytes.find("id-two");
  if (bytes.compare(in_index, 9, "id-twoDOC") == 0) in_index = bytes.find("id-two", in_index + 1);
  REQUIRE(in_index != std::string::npos);
  REQUIRE(bytes.compare(in_index, 9, "id-twoDOC") != 0);
  file.seekp(static_cast<std::streamoff>(in_index) + 5);
  file.put('p');
  file.close();

  const auto open = store.Open();
  const std::vector<Record> update = {{"id-twp", {}, "mine", {}, {}}};
  REQUIRE(Write(*open, id, model::WriteKind::kUpdate, update).Is(Errc::kCorruption));
  REQUIRE(Get(*open, id).value().front().document == std::optional<std::string>("DOC"));
  REQUIRE(store.host.checksum_failures == 1);
}

TEST_CASE("writer: numbers go up by insertion and are not given again", "[daemon][store]") {
  WriterFixture fixture;
  const Uuid id = fixture.Create("c");
  REQUIRE(fixture.writer->Begin().ok());
  REQUIRE(fixture.Add(id, {{"a", {1}, {}, {}, {}}, {"b", {1}, {}, {}, {}}}).ok());
  REQUIRE(fixture.writer->Remove(id, {2}).value() == 1);
  REQUIRE(fixture.Add(id, {{"b", {1}, {}, {}, {}}}).ok());
  REQUIRE(fixture.writer->Commit().ok());
  const uint32_t number = fixture.published.Get()->Find(id)->info->number;
  REQUIRE(fixture.writer->records(number).Find("b").value() == std::optional<RecordNumber>(3));
  REQUIRE(fixture.writer->CountersOf(number).value().records == 2);
  REQUIRE(fixture.writer->CountersOf(number).value().last_record == 3);
}

}  // namespace
}  // namespace pannier::store
