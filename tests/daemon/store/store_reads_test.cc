// Goal: a read goes on only as long as somebody wants it.
#include <atomic>
#include <catch2/catch.hpp>

#include "daemon/store/store.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

using model::WriteKind;
using Ids = std::vector<std::string>;

Record Plain(std::string id, std::vector<float> vector) {
  return {std::move(id), std::move(vector), {}, {}, {}};
}

TEST_CASE("store: a read ends at the first record whose visitor fails, with its error",
          "[daemon][store]") {
  LoneStore lone;
  const auto store = lone.Open();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  REQUIRE(Write(*store, id, WriteKind::kAdd,
                {Plain("a", {0}), Plain("b", {1}), Plain("c", {2}), Plain("d", {3})})
              .ok());
  int visits = 0;
  const auto refuse_second = [&](uint32_t, const model::RecordView&, float) -> Status {
    return ++visits < 2 ? Status() : ResourceExhausted("enough");
  };
  model::GetRequest by_ids;
  by_ids.selection.ids = Ids{"a", "b", "c"};
  for (const model::GetRequest& request : {model::GetRequest(), by_ids}) {
    visits = 0;
    REQUIRE(store->Get(id, request, refuse_second, Patient()).error().what == "enough");
    REQUIRE(visits == 2);
  }
  model::QueryRequest query;
  query.dimension = 1;
  query.vectors = {0, 3};
  query.count = 2;
  visits = 0;
  REQUIRE(store->Query(id, query, refuse_second, Patient()).Is(Errc::kResourceExhausted));
  REQUIRE(visits == 2);
  REQUIRE(Get(*store, id, {})->size() == 4);  // the reader it used serves the next
}

TEST_CASE("store: a long read ends within a thousand rows of being told to stop",
          "[daemon][store]") {
  LoneStore lone;
  const auto store = lone.Open();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  std::vector<Record> records;
  for (int i = 0; i < 3000; ++i) records.push_back(Plain(std::to_string(i), {1.0f * i}));
  REQUIRE(Write(*store, id, WriteKind::kAdd, records).ok());
  std::atomic<bool> stop{false};
  CallContext call = Patient();
  call.stop = &stop;
  int visits = 0;
  const auto stop_at_second = [&](uint32_t, const model::RecordView&, float) -> Status {
    if (++visits == 2) stop = true;
    return {};
  };
  REQUIRE(store->Get(id, {}, stop_at_second, call).Is(Errc::kDeadlineExceeded));
  REQUIRE(visits <= 1024);
  stop = false;
  visits = 0;
  model::QueryRequest query;
  query.dimension = 1;
  query.vectors = std::vector<float>(100, 7.0f);
  query.count = 100;
  query.n_results = 20;
  REQUIRE(store->Query(id, query, stop_at_second, call).Is(Errc::kDeadlineExceeded));
  REQUIRE(visits <= 20);
}

}  // namespace
}  // namespace pannier::store
