// Queries whose documents are tested by a regular expression with no text that all its matches
// contain: wall and CPU time of each. usage: text_bench [count=10000] [rounds=20]
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/daemon/index/random.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

constexpr uint32_t kDimension = 384;

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void Fill(Store& store, const Uuid& id, uint32_t count, index::Random& random) {
  for (uint32_t begin = 0; begin < count; begin += 500) {
    std::vector<Record> records;
    for (uint32_t i = begin; i < std::min(count, begin + 500); ++i) {
      Record record;
      record.id = "record-" + std::to_string(i);
      record.vector = random.Vector(kDimension);
      record.document = std::string();
      while (record.document->size() < 400) {
        for (uint64_t n = 2 + random.Below(8); n > 0; --n) {
          record.document->push_back(static_cast<char>('a' + random.Below(26)));
        }
        record.document->push_back(' ');
      }
      if (random.OneIn(100)) record.document->append("7342");
      record.metadata = model::Metadata{{"n", static_cast<int64_t>(i)}};
      records.push_back(std::move(record));
    }
    if (!Write(store, id, model::WriteKind::kAdd, records).ok()) std::abort();
  }
}

int Run(uint32_t count, int rounds) {
  Scratch scratch;
  const StoreRef store = scratch.Default();
  const Uuid id =
      store->CreateCollection(Collection("texts", model::Space::kCosine), Patient()).value()->id;
  index::Random random(7);
  Fill(*store, id, count, random);
  for (const char* pattern : {"[0-9]{4}", "[a-z]{9} [a-z]{9} [a-z]{9}", "[0-9]{5}"}) {
    double wall = 1e9, cpu = 1e9;
    size_t found = 0;
    for (int i = 0; i < rounds; ++i) {
      model::Selection selection;
      selection.filter.emplace();
      selection.filter->op = model::FilterOp::kDocumentRegex;
      selection.filter->text = pattern;
      const auto query = random.Vector(kDimension);
      const auto begin = std::chrono::steady_clock::now();
      const double before = CpuSeconds();
      found = Query(*store, id, query, 10, selection).value().size();
      cpu = std::min(cpu, CpuSeconds() - before);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      wall = std::min(wall, took.count());
    }
    std::printf("%u documents, %-28s %2zu found: wall %7.2f ms, CPU %7.2f ms\n", count, pattern,
                found, wall * 1e3, cpu * 1e3);
  }
  return 0;
}

}  // namespace
}  // namespace pannier::store

int main(int argc, char** argv) {
  const auto argument = [&](int i, long otherwise) {
    return argc > i ? std::strtol(argv[i], nullptr, 10) : otherwise;
  };
  return pannier::store::Run(static_cast<uint32_t>(argument(1, 10'000)),
                             static_cast<int>(argument(2, 20)));
}
