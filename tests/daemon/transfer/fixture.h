// A store outside of Stores with content of all kinds.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "daemon/store/offline_store.h"
#include "daemon/transfer/export.h"
#include "tests/support/temp_dir.h"

namespace pannier::transfer {

struct Fixture {
  test::TempDir dir;
  std::shared_ptr<store::Store> store;
  const store::CallContext call{SteadyTime::max()};

  Fixture() {
    std::filesystem::create_directory(dir / "store");
    store = store::MakeOfflineStore((dir / "store").string(), store::StoreOptions(),
                                    file::RealFileSystem())
                .value();
  }

  // The same each time, ids included.
  void Fill() {
    const Uuid many = Make("many", "11111111-1111-1111-1111-111111111111", R"({"k":1,"x":2.0})");
    model::RecordBatch batch;
    batch.dimension = 2;
    for (int i = 0; i < 1'500; ++i) {
      batch.ids.push_back("r" + std::to_string(i));
      batch.has_vector.push_back(true);
      batch.vectors.insert(batch.vectors.end(), {0.1F * static_cast<float>(i + 1), -0.0F});
      batch.documents.emplace_back("document " + std::to_string(i));
      batch.uris.emplace_back(i % 2 == 0 ? std::optional<std::string>("u") : std::nullopt);
      batch.metadatas.emplace_back(
          model::Metadata{{"n", int64_t{i}}, {"f", 0.5}, {"list", std::vector<std::string>{"a"}}});
    }
    REQUIRE(store->Write(many, model::WriteKind::kAdd, batch, call).ok());
    Make("empty", "22222222-2222-2222-2222-222222222222", "");
    const Uuid bare = Make("bare", "33333333-3333-3333-3333-333333333333", "");
    model::RecordBatch one;
    one.ids = {"bare"};
    one.has_vector = {false};
    one.documents = {"no vector"};
    REQUIRE(store->Write(bare, model::WriteKind::kAdd, one, call).ok());
  }

  Uuid Make(const std::string& name, const char* id, const std::string& metadata) {
    store::NewCollection wanted;
    wanted.name = name;
    wanted.id = Uuid::Parse(id);
    if (!metadata.empty()) wanted.metadata = metadata;
    wanted.index = model::DescribeIndex(nullptr, nullptr, nullptr).value();
    return store->CreateCollection(wanted, call).value()->id;
  }

  std::string Export() const {
    const auto path = dir / "export.jsonl";
    std::filesystem::remove(path);
    REQUIRE(ExportJsonLines(*store, file::RealFileSystem(), path, {}).ok());
    return file::ReadFile(file::RealFileSystem(), path, 1 << 30).value();
  }
};

}  // namespace pannier::transfer
