// Goal: filters mean exactly what daemon/model/filter.h says, for all operators and types.
// Method: a naive model, written for clarity alone and with long double comparisons, against random
// filters and records.
#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "daemon/index/attribute_index.h"
#include "daemon/index/filter_evaluator.h"
#include "tests/daemon/index/random.h"

namespace pannier::index {
namespace {

using model::Filter;
using model::FilterOp;
using model::Metadata;
using model::MetadataValue;
using model::Scalar;

constexpr int64_t kTwoTo53 = int64_t{1} << 53;

// --- the model ---

bool IsNumber(const Scalar& s) { return s.index() == 1 || s.index() == 2; }
// x86's long double holds every int64 and every double exactly.
long double Number(const Scalar& s) {
  return s.index() == 1 ? static_cast<long double>(std::get<1>(s))
                        : static_cast<long double>(std::get<2>(s));
}
bool SameValue(const Scalar& a, const Scalar& b) {
  if (IsNumber(a) && IsNumber(b)) return Number(a) == Number(b);
  return a == b;
}
bool IsArray(const MetadataValue& v) { return v.index() >= 5; }
std::vector<Scalar> Elements(const MetadataValue& value) {
  return std::visit(
      [](const auto& v) {
        std::vector<Scalar> elements;
        if constexpr (requires { v.begin(); } && !std::is_same_v<decltype(v), const std::string&>) {
          for (auto&& e : v) {
            if constexpr (std::is_same_v<decltype(v), const std::vector<bool>&>) {
              elements.emplace_back(static_cast<bool>(e));
            } else {
              elements.emplace_back(e);
            }
          }
        } else if constexpr (!std::is_same_v<decltype(v), const std::monostate&>) {
          elements.emplace_back(v);
        }
        return elements;
      },
      value);
}

bool Means(const Filter& f, const Metadata& metadata, const std::optional<std::string>& document);

bool PositiveTest(const Filter& f, const MetadataValue& value) {
  const std::vector<Scalar> elements = Elements(value);
  const auto any_equal = [&](const Scalar& operand) {
    return std::any_of(elements.begin(), elements.end(),
                       [&](const Scalar& e) { return SameValue(e, operand); });
  };
  const bool array_op = f.op == FilterOp::kArrayContains || f.op == FilterOp::kArrayNotContains;
  if (IsArray(value) != array_op) return false;
  if (array_op || f.op == FilterOp::kEq || f.op == FilterOp::kNe) return any_equal(f.operand);
  if (f.op == FilterOp::kIn || f.op == FilterOp::kNin) {
    return std::any_of(f.operands.begin(), f.operands.end(), any_equal);
  }
  if (!IsNumber(elements[0]) || !IsNumber(f.operand)) return false;
  const long double a = Number(elements[0]), b = Number(f.operand);
  return f.op == FilterOp::kGt    ? a > b
         : f.op == FilterOp::kGte ? a >= b
         : f.op == FilterOp::kLt  ? a < b
                                  : a <= b;
}

bool Means(const Filter& f, const Metadata& metadata, const std::optional<std::string>& document) {
  const auto means = [&](const Filter& child) { return Means(child, metadata, document); };
  const auto positive = [&] {
    for (const auto& [key, value] : metadata) {
      if (key == f.key) return PositiveTest(f, value);
    }
    return false;
  };
  // The random expressions are literals, so that the model needs no engine.
  const auto in_text = [&] { return document && document->find(f.text) != std::string::npos; };
  switch (f.op) {
    case FilterOp::kAnd:
      return std::all_of(f.children.begin(), f.children.end(), means);
    case FilterOp::kOr:
      return std::any_of(f.children.begin(), f.children.end(), means);
    case FilterOp::kNe:
    case FilterOp::kNin:
    case FilterOp::kArrayNotContains:
      return !positive();
    case FilterOp::kDocumentContains:
    case FilterOp::kDocumentRegex:
      return in_text();
    case FilterOp::kDocumentNotContains:
    case FilterOp::kDocumentNotRegex:
      return !in_text();
    default:
      return positive();
  }
}

// --- random input, from small pools so that things meet ---

int64_t RandomInteger(Random& r) {
  static const int64_t kPool[] = {0,
                                  1,
                                  2,
                                  3,
                                  -1,
                                  kTwoTo53,
                                  kTwoTo53 + 1,
                                  -kTwoTo53 - 1,
                                  std::numeric_limits<int64_t>::max(),
                                  std::numeric_limits<int64_t>::min()};
  return kPool[r.Below(std::size(kPool))];
}
double RandomReal(Random& r) {
  static const double kPool[] = {0.0,
                                 1.0,
                                 2.0,
                                 2.5,
                                 -1.0,
                                 -0.5,
                                 9007199254740992.0,
                                 9007199254740994.0,
                                 -9007199254740992.0,
                                 9223372036854775808.0,
                                 -9223372036854775808.0,
                                 1e300,
                                 -1e300,
                                 5e-324};
  return kPool[r.Below(std::size(kPool))];
}
std::string RandomString(Random& r) {
  static const char* kPool[] = {"", "a", "b", "ab", "Straße", "true", "1"};
  return kPool[r.Below(std::size(kPool))];
}
Scalar RandomScalar(Random& r, uint64_t kind) {
  switch (kind) {
    case 0:
      return r.OneIn(2);
    case 1:
      return RandomInteger(r);
    case 2:
      return RandomReal(r);
    default:
      return RandomString(r);
  }
}
template <typename T, typename Make>
std::vector<T> RandomArray(Random& r, Make make) {
  std::vector<T> values;
  for (uint64_t n = r.Below(4); n > 0; --n) values.push_back(make(r));
  return values;
}
MetadataValue RandomValue(Random& r) {
  switch (r.Below(9)) {
    case 0:
      return r.OneIn(2);
    case 1:
    case 2:
      return RandomInteger(r);
    case 3:
      return RandomReal(r);
    case 4:
      return RandomString(r);
    case 5:
      return RandomArray<bool>(r, [](Random& x) { return x.OneIn(2); });
    case 6:
      return RandomArray<int64_t>(r, RandomInteger);
    case 7:
      return RandomArray<double>(r, RandomReal);
    default:
      return RandomArray<std::string>(r, RandomString);
  }
}
const char* const kKeys[] = {"k", "key", "z", "ключ"};
Metadata RandomMetadata(Random& r) {
  Metadata metadata;
  for (const char* key : kKeys) {
    if (r.OneIn(2)) metadata.emplace_back(key, RandomValue(r));
  }
  return metadata;
}
std::optional<std::string> RandomDocument(Random& r) {
  static const char* kPool[] = {"", "the cat sat", "a dog and a cat", "dog", "Straße 1"};
  if (r.OneIn(4)) return std::nullopt;
  return kPool[r.Below(std::size(kPool))];
}
Filter RandomFilter(Random& r, int depth) {
  Filter f;
  f.op = static_cast<FilterOp>(r.Below(16));
  if (f.op == FilterOp::kAnd || f.op == FilterOp::kOr) {
    if (depth == 0) return RandomFilter(r, 0);
    for (uint64_t n = r.Below(4); n > 0; --n) f.children.push_back(RandomFilter(r, depth - 1));
    return f;
  }
  static const char* kWords[] = {"", "cat", "dog", "ß", "the cat sat", "x"};
  f.text = kWords[r.Below(std::size(kWords))];
  f.key = r.OneIn(8) ? "unknown" : kKeys[r.Below(std::size(kKeys))];
  const uint64_t kind = r.Below(4);
  f.operand = RandomScalar(r, kind);
  for (uint64_t n = 1 + (r.OneIn(4) ? 10 + r.Below(10) : r.Below(3)); n > 0; --n) {
    f.operands.push_back(RandomScalar(r, kind));
  }
  return f;
}

class MapSource final : public DocumentSource {
 public:
  std::map<RecordNumber, std::optional<std::string>> documents;
  uint64_t read = 0;
  Status Visit(const RecordSet& records, const Visitor& visit) override {
    for (const RecordNumber record : records.ToVector()) {
      ++read;
      const auto& document = documents.at(record);
      visit(record, document ? std::optional<std::string_view>(*document) : std::nullopt);
    }
    return {};
  }
};

TEST_CASE("filter: a hundred thousand random filters pass what the model passes",
          "[daemon][index][filter]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  AttributeIndex index;
  MapSource source;
  std::map<RecordNumber, Metadata> metadata;
  for (RecordNumber record = 1; record <= 40; ++record) {
    metadata[record] = RandomMetadata(random);
    source.documents[record] = RandomDocument(random);
    index.Put(1, record, &metadata[record]);
  }
  index.Commit(1);
  const auto view = *index.At(1);
  for (int i = 0; i < 100'000; ++i) {
    CAPTURE(i);
    const Filter filter = RandomFilter(random, 3);
    std::vector<RecordNumber> expected;
    for (const auto& [record, values] : metadata) {
      if (Means(filter, values, source.documents[record])) expected.push_back(record);
    }
    const auto matched = view.Match(filter, source);
    REQUIRE(matched.ok());
    if (matched->ToVector() != expected) REQUIRE(matched->ToVector() == expected);
  }
}

// A history of puts, updates, changed documents and removals, with caches built now and then, so
// that columns and signatures meet dead rows, rows behind them, and views older than they are.
class CachedHistory {
 public:
  explicit CachedHistory(Random& random) : random_(random) {}

  void Commit() {
    ++at_;
    for (uint64_t n = 100 + random_.Below(900); n > 0; --n) {
      if (records_.empty() || !random_.OneIn(4)) {
        Put(++last_);
        continue;
      }
      const auto record = static_cast<RecordNumber>(1 + random_.Below(last_));
      const bool lives = records_.count(record) > 0;
      if (!lives || touched_.count(record) > 0) continue;
      switch (random_.Below(3)) {
        case 0:
          index_.Remove(at_, record);
          records_.erase(record);
          break;
        case 1:
          source_.documents[record] = RandomDocument(random_);
          index_.TouchDocument(at_, record);
          touched_.insert(record);
          break;
        default:
          Put(record);
      }
    }
    touched_.clear();
    index_.Commit(at_);
    if (random_.OneIn(8)) index_.Compact();
  }

  void Check(int filters) {
    const auto view = *index_.At(at_);
    for (int i = 0; i < filters; ++i) {
      const Filter filter = RandomFilter(random_, 3);
      if (random_.OneIn(4)) REQUIRE(view.BuildCaches(filter, source_).ok());
      std::vector<RecordNumber> expected;
      for (const auto& [record, metadata] : records_) {
        if (Means(filter, metadata, source_.documents[record])) expected.push_back(record);
      }
      const auto matched = view.Match(filter, source_);
      REQUIRE(matched.ok());
      cases += records_.size();
      if (matched->ToVector() != expected) REQUIRE(matched->ToVector() == expected);
    }
  }

  uint64_t cases = 0;

 private:
  void Put(RecordNumber record) {
    records_[record] = RandomMetadata(random_);
    source_.documents[record] = RandomDocument(random_);
    index_.Put(at_, record, &records_[record]);
    touched_.insert(record);
  }

  Random& random_;
  AttributeIndex index_;
  MapSource source_;
  std::map<RecordNumber, Metadata> records_;
  std::set<RecordNumber> touched_;  // by the open commit
  RecordNumber last_ = 0;
  Sequence at_ = 0;
};

TEST_CASE("filter: caches of columns and of documents change no answer, through a history",
          "[daemon][index][filter]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  CachedHistory history(random);
  for (int commit = 0; commit < 16; ++commit) {
    CAPTURE(commit);
    history.Commit();
    history.Check(20);
  }
  REQUIRE(history.cases > 500'000);
}

TEST_CASE("filter: a view that is older than the caches reads its own sequence",
          "[daemon][index][filter]") {
  AttributeIndex index;
  MapSource before, after;
  const Metadata old_metadata = {{"n", int64_t{1}}}, new_metadata = {{"n", int64_t{2}}};
  for (RecordNumber record = 1; record <= 3'000; ++record) {
    index.Put(1, record, &old_metadata);
    before.documents[record] = "an ocelot";
  }
  index.Commit(1);
  const auto old_view = *index.At(1);
  for (RecordNumber record = 1; record <= 3'000; record += 2) {
    index.Put(2, record, &new_metadata);
    after.documents[record] = "a quokka";
    after.documents[record + 1] = "an ocelot";
  }
  index.Commit(2);
  const auto new_view = *index.At(2);
  Filter number, text, both;
  number.op = FilterOp::kEq;
  number.key = "n";
  number.operand = int64_t{1};
  text.op = FilterOp::kDocumentContains;
  text.text = "ocelot";
  both.op = FilterOp::kAnd;
  both.children = {number, text};
  // The newer builds: rows that it does not see any more stay open for the older.
  REQUIRE(new_view.CacheBytesWanted(both) > 0);
  REQUIRE(new_view.BuildCaches(both, after).ok());
  REQUIRE(new_view.CacheBytesWanted(both) == 0);
  REQUIRE(new_view.Match(both, after)->Count() == 1'500);
  REQUIRE(old_view.Match(both, before)->Count() == 3'000);
  after.read = 0;
  text.text = "wombat";
  REQUIRE(new_view.Match(text, after)->empty());
  REQUIRE(after.read < 100);  // chance, not all
}

TEST_CASE("filter: integers and floats compare by exact value", "[daemon][index][filter]") {
  REQUIRE(CompareExactly(2, 2.5) < 0);
  REQUIRE(CompareExactly(-2, -2.5) > 0);
  REQUIRE(CompareExactly(1, 1.0) == 0);
  REQUIRE(CompareExactly(kTwoTo53 + 1, 9007199254740992.0) > 0);
  REQUIRE(CompareExactly(std::numeric_limits<int64_t>::max(), 9223372036854775808.0) < 0);
  REQUIRE(CompareExactly(std::numeric_limits<int64_t>::min(), -9223372036854775808.0) == 0);
  REQUIRE(CompareExactly(0, 5e-324) < 0);
  REQUIRE(CompareExactly(7, std::numeric_limits<double>::infinity()) < 0);
  REQUIRE(CompareExactly(7, -std::numeric_limits<double>::infinity()) > 0);
}

TEST_CASE("filter: a list of forty thousand operands is looked up, not walked",
          "[daemon][index][filter]") {
  AttributeIndex index;
  std::vector<Metadata> rows;
  for (RecordNumber record = 1; record <= 2'000; ++record) {
    const Metadata metadata = {{"n", int64_t{record}}, {"s", "s" + std::to_string(record)}};
    index.Put(1, record, &metadata);
  }
  index.Commit(1);
  MapSource source;
  Filter numbers, strings;
  numbers.op = strings.op = FilterOp::kIn;
  numbers.key = "n";
  strings.key = "s";
  for (int64_t n = 0; n < 40'000; ++n) {
    if (n % 2 == 0) {
      numbers.operands.emplace_back(n);
    } else {
      numbers.operands.emplace_back(static_cast<double>(n) + 0.5);
    }
    strings.operands.emplace_back("s" + std::to_string(n * 3));
  }
  REQUIRE(index.At(1)->Match(numbers, source)->Count() == 1'000);
  REQUIRE(index.At(1)->Match(strings, source)->Count() == 666);
}

TEST_CASE("filter: documents are read only for records that the rest leaves undecided",
          "[daemon][index][filter]") {
  AttributeIndex index;
  MapSource source;
  for (RecordNumber record = 1; record <= 100; ++record) {
    const Metadata metadata = {{"n", int64_t{record}}};
    index.Put(1, record, &metadata);
    source.documents[record] = record % 2 == 0 ? "even" : "odd";
  }
  index.Commit(1);
  Filter few, text, both;
  few.op = FilterOp::kLte;
  few.key = "n";
  few.operand = int64_t{10};
  text.op = FilterOp::kDocumentContains;
  text.text = "even";
  both.op = FilterOp::kAnd;
  both.children = {text, few};
  REQUIRE(index.At(1)->Match(both, source)->Count() == 5);
  REQUIRE(source.read == 10);
  both.op = FilterOp::kOr;
  source.read = 0;
  REQUIRE(index.At(1)->Match(both, source)->Count() == 55);
  REQUIRE(source.read == 90);
}

TEST_CASE("filter: what fails while documents are read fails the match",
          "[daemon][index][filter]") {
  class Failing final : public DocumentSource {
    Status Visit(const RecordSet&, const Visitor&) override { return Unavailable("disk"); }
  } failing;
  AttributeIndex index;
  index.Put(1, 1, nullptr);
  index.Commit(1);
  Filter text;
  text.op = FilterOp::kDocumentRegex;
  text.text = "a";
  REQUIRE(index.At(1)->Match(text, failing).Is(Errc::kUnavailable));
  text.text = "(";
  const auto refused = index.At(1)->Match(text, failing);
  REQUIRE(refused.Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::index
