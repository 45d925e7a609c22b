#include "tests/lib/repository/object_store_suite.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

namespace pannier::test {
namespace {

using repository::ObjectInfo;
using repository::ObjectPage;
using repository::ObjectStore;
using IfPresent = ObjectStore::IfPresent;
using Make = std::function<std::unique_ptr<ObjectStore>()>;

std::string BytesOf(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>((seed = seed * 1'664'525 + 1'013'904'223) >> 24);
  return bytes;
}

std::vector<std::string> AllKeys(ObjectStore& store, const std::string& prefix) {
  std::vector<std::string> keys;
  std::string after;
  do {
    const ObjectPage page = store.List(prefix, after, Later()).value();
    for (const ObjectInfo& info : page.objects) keys.push_back(info.key);
    REQUIRE((page.next.empty() || page.next > after));
    after = page.next;
  } while (!after.empty());
  return keys;
}

void CheckContents(ObjectStore& store) {
  for (const size_t size : {0u, 1u, 4096u, 1u << 20}) {
    CAPTURE(size);
    const std::string bytes = BytesOf(size, static_cast<uint32_t>(size) + 7);
    const std::string key = "some/object-" + std::to_string(size);
    REQUIRE(store.Put(key, bytes, IfPresent::kReplace, Later()).ok());
    REQUIRE((store.Get(key, size, Later()).value() == bytes));
    const ObjectInfo info = store.Stat(key, Later()).value();
    REQUIRE(info.key == key);
    REQUIRE(info.bytes == size);
    const auto age = std::chrono::system_clock::now() - info.modified;
    REQUIRE(std::chrono::abs(age) < std::chrono::minutes(5));
    if (size > 0) REQUIRE(store.Get(key, size - 1, Later()).Is(Errc::kResourceExhausted));
    REQUIRE(store.Delete(key, Later()).ok());
    REQUIRE(store.Get(key, size, Later()).Is(Errc::kNotFound));
  }
}

void CheckPresence(ObjectStore& store) {
  REQUIRE(store.Get("a", 10, Later()).Is(Errc::kNotFound));
  REQUIRE(store.Stat("a", Later()).Is(Errc::kNotFound));
  REQUIRE(store.Delete("a", Later()).ok());
  REQUIRE(store.Put("a", "one", IfPresent::kFail, Later()).ok());
  REQUIRE(store.Put("a", "one", IfPresent::kFail, Later()).ok());
  REQUIRE(store.Put("a", "two", IfPresent::kFail, Later()).Is(Errc::kConflict));
  REQUIRE(store.Put("a", "longer", IfPresent::kFail, Later()).Is(Errc::kConflict));
  REQUIRE(store.Put("a", "", IfPresent::kFail, Later()).Is(Errc::kConflict));
  REQUIRE(store.Get("a", 10, Later()).value() == "one");
  REQUIRE(store.Put("a", "two", IfPresent::kReplace, Later()).ok());
  REQUIRE(store.Get("a", 10, Later()).value() == "two");
  REQUIRE(store.Delete("a", Later()).ok());
  REQUIRE(store.Put("a", "three", IfPresent::kFail, Later()).ok());
}

void CheckRefusals(ObjectStore& store) {
  for (const char* key : {"", "/a", "a/", "a//b", ".", "a/../b", "..", "a b", "a\\b", "~a", "ä"}) {
    CAPTURE(key);
    REQUIRE(store.Put(key, "x", IfPresent::kReplace, Later()).Is(Errc::kInvalidArgument));
    REQUIRE(store.Get(key, 1, Later()).Is(Errc::kInvalidArgument));
    REQUIRE(store.Stat(key, Later()).Is(Errc::kInvalidArgument));
    REQUIRE(store.Delete(key, Later()).Is(Errc::kInvalidArgument));
  }
  const SteadyTime past = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  REQUIRE(store.Put("a", "x", IfPresent::kFail, past).Is(Errc::kDeadlineExceeded));
  REQUIRE(store.Put("a", "x", IfPresent::kReplace, past).Is(Errc::kDeadlineExceeded));
  REQUIRE(store.Get("a", 1, past).Is(Errc::kDeadlineExceeded));
  REQUIRE(store.Stat("a", past).Is(Errc::kDeadlineExceeded));
  REQUIRE(store.Delete("a", past).Is(Errc::kDeadlineExceeded));
  REQUIRE(store.Get("a", 1, Later()).Is(Errc::kNotFound));
}

void CheckList(ObjectStore& store) {
  std::vector<std::string> keys = {"a.b",     "a/b",   "a-b",         "a/b.c",    "a/b-c",
                                   "b/c/d/e", "chunk", "chunks/ab/x", "chunks/b", "z.json"};
  for (const std::string& key : keys)
    REQUIRE(store.Put(key, key, IfPresent::kReplace, Later()).ok());
  std::sort(keys.begin(), keys.end());
  REQUIRE(AllKeys(store, "") == keys);
  for (const char* prefix :
       {"a", "a/", "a/b", "a/b.", "chunk", "chunks/", "none", "b/c/d/e", "z"}) {
    CAPTURE(prefix);
    std::vector<std::string> expected;
    for (const std::string& key : keys) {
      if (key.starts_with(prefix)) expected.push_back(key);
    }
    REQUIRE(AllKeys(store, prefix) == expected);
  }
  for (const char* after : {"a", "a.b", "a/", "a/b", "a/b.c", "b/c/d", "chunks/ab", "zz"}) {
    CAPTURE(after);
    const ObjectPage page = store.List("", after, Later()).value();
    std::vector<std::string> expected, found;
    for (const std::string& key : keys) {
      if (key > after) expected.push_back(key);
    }
    for (const ObjectInfo& info : page.objects) {
      found.push_back(info.key);
      REQUIRE(info.bytes == info.key.size());
    }
    REQUIRE(found == expected);
    REQUIRE(page.next.empty());
  }
}

void CheckPages(ObjectStore& store) {
  std::vector<std::string> keys;
  for (int i = 0; i < 1'005; ++i)
    keys.push_back("p/" + std::to_string(i % 7) + "/" + std::to_string(i));
  std::atomic<size_t> next{0};
  std::atomic<int> failed{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (size_t at = next++; at < keys.size(); at = next++)
          failed += store.Put(keys[at], "x", IfPresent::kReplace, Later()).ok() ? 0 : 1;
      });
    }
  }
  REQUIRE(failed == 0);
  std::sort(keys.begin(), keys.end());
  const ObjectPage first = store.List("p/", "", Later()).value();
  REQUIRE(first.objects.size() == 1'000);
  REQUIRE(first.next == first.objects.back().key);
  REQUIRE(AllKeys(store, "p/") == keys);
}

// Each of several writers, with a store of its own, tries to be the one.
void CheckOneWins(const Make& make) {
  constexpr int kWriters = 6;
  for (int round = 0; round < 10; ++round) {
    CAPTURE(round);
    const std::string key = "race/" + std::to_string(round);
    std::vector<std::unique_ptr<ObjectStore>> stores;
    for (int i = 0; i < kWriters; ++i) stores.push_back(make());
    std::vector<Status> results(kWriters);
    {
      std::vector<std::jthread> writers;
      for (size_t i = 0; i < kWriters; ++i) {
        writers.emplace_back([&, i] {
          const std::string mine = BytesOf(50'000, static_cast<uint32_t>(i));
          results[i] = stores[i]->Put(key, mine, IfPresent::kFail, Later());
        });
      }
    }
    int winners = 0;
    const std::string there = stores[0]->Get(key, 1 << 20, Later()).value();
    for (size_t i = 0; i < kWriters; ++i) {
      CAPTURE(results[i].ok() ? "ok" : results[i].error().what);
      winners += results[i].ok() ? 1 : 0;
      REQUIRE((results[i].ok() || results[i].Is(Errc::kConflict)));
      if (results[i].ok()) REQUIRE((there == BytesOf(50'000, static_cast<uint32_t>(i))));
    }
    REQUIRE(winners == 1);
  }
}

// Readers beside writers see one whole content or another.
void CheckNoneIsTorn(const Make& make) {
  const std::string contents[] = {std::string(300'000, 'a'), std::string(200'000, 'b')};
  REQUIRE(make()->Put("torn", contents[0], IfPresent::kReplace, Later()).ok());
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0}, failed{0}, reads{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, i, store = std::shared_ptr<ObjectStore>(make())] {
        for (int n = 0; n < 20; ++n)
          failed += store->Put("torn", contents[i], IfPresent::kReplace, Later()).ok() ? 0 : 1;
        stop = true;
      });
      threads.emplace_back([&, store = std::shared_ptr<ObjectStore>(make())] {
        while (!stop) {
          const Result<std::string> read = store->Get("torn", 1 << 20, Later());
          failed += read.ok() ? 0 : 1;
          if (read.ok() && *read != contents[0] && *read != contents[1]) ++torn;
          ++reads;
        }
      });
    }
  }
  REQUIRE(torn == 0);
  REQUIRE(failed == 0);
  REQUIRE(reads > 0);
  REQUIRE(AllKeys(*make(), "") == std::vector<std::string>{"torn"});
}

}  // namespace

void CheckObjectStore(const Make& make) {
  const std::unique_ptr<ObjectStore> store = make();
  SECTION("what is put comes back, whatever its length") { CheckContents(*store); }
  SECTION("kFail lets one content in, and the same again") { CheckPresence(*store); }
  SECTION("no key, and no time, is refused and changes nothing") { CheckRefusals(*store); }
  SECTION("lists are in the order of keys, by any prefix, after any text") { CheckList(*store); }
  SECTION("long lists come in pages") { CheckPages(*store); }
  SECTION("of concurrent writers of one key exactly one wins") { CheckOneWins(make); }
  SECTION("readers beside writers see whole objects") { CheckNoneIsTorn(make); }
}

}  // namespace pannier::test
