// Goal: a clause is read as what it says, or refused with Chroma's sentence.
#include <catch2/catch.hpp>
#include <random>

#include "daemon/api/parse_filter.h"
#include "lib/json/writer.h"

using namespace pannier;
using namespace pannier::api;
using model::Filter;
using model::FilterOp;

namespace {

Result<std::optional<Filter>> Parse(const std::string& where,
                                    const std::string& document = "null") {
  json::BorrowedDocument first, second;
  const ApiLimits limits;
  return ParseFilter(first->ParseCopy(where).value(), second->ParseCopy(document).value(), limits);
}

// Back to JSON, the long way round: every shorthand spelled out.
void Print(const Filter& filter, std::string* out);

void PrintScalar(const model::Scalar& scalar, std::string* out) {
  if (const auto* text = std::get_if<std::string>(&scalar)) json::AppendString(*text, out);
  if (const auto* whole = std::get_if<int64_t>(&scalar)) json::AppendInt(*whole, out);
  if (const auto* real = std::get_if<double>(&scalar)) json::AppendDouble(*real, out);
  if (const auto* flag = std::get_if<bool>(&scalar)) out->append(*flag ? "true" : "false");
}

const char* NameOf(FilterOp op) {
  static const char* const kNames[] = {"$and",      "$or",           "$eq",       "$ne",
                                       "$gt",       "$gte",          "$lt",       "$lte",
                                       "$in",       "$nin",          "$contains", "$not_contains",
                                       "$contains", "$not_contains", "$regex",    "$not_regex"};
  return kNames[static_cast<int>(op)];
}

void PrintTest(const Filter& filter, std::string* out) {
  out->append("{\"").append(NameOf(filter.op)).append("\":");
  if (filter.op == FilterOp::kIn || filter.op == FilterOp::kNin) {
    out->push_back('[');
    for (const model::Scalar& operand : filter.operands) {
      if (out->back() != '[') out->push_back(',');
      PrintScalar(operand, out);
    }
    out->push_back(']');
  } else if (filter.op >= FilterOp::kDocumentContains) {
    json::AppendString(filter.text, out);
  } else {
    PrintScalar(filter.operand, out);
  }
  out->push_back('}');
}

void Print(const Filter& filter, std::string* out) {
  if (filter.op == FilterOp::kAnd || filter.op == FilterOp::kOr) {
    out->append("{\"").append(NameOf(filter.op)).append("\":[");
    for (size_t i = 0; i < filter.children.size(); ++i) {
      if (i > 0) out->push_back(',');
      Print(filter.children[i], out);
    }
    out->append("]}");
    return;
  }
  out->push_back('{');
  json::AppendString(filter.op >= FilterOp::kDocumentContains ? "#document" : filter.key, out);
  out->push_back(':');
  PrintTest(filter, out);
  out->push_back('}');
}

class RandomFilter {
 public:
  explicit RandomFilter(uint64_t seed) : random_(seed) {}

  Filter Make(int depth) {
    Filter filter;
    const auto pick = static_cast<int>(random_() % (depth > 0 ? 16 : 14));
    filter.op = static_cast<FilterOp>(depth > 0 ? pick : pick + 2);
    if (filter.op == FilterOp::kAnd || filter.op == FilterOp::kOr) {
      for (size_t n = random_() % 4; n > 0; --n) filter.children.push_back(Make(depth - 1));
    } else if (filter.op >= FilterOp::kDocumentContains) {
      filter.text = filter.op >= FilterOp::kDocumentRegex ? "a+" : Text();
    } else {
      filter.key = "k" + Text();
      Operands(&filter);
    }
    return filter;
  }

 private:
  void Operands(Filter* filter) {
    const int kind = static_cast<int>(random_() % 4);
    const bool compares = filter->op >= FilterOp::kGt && filter->op <= FilterOp::kLte;
    if (filter->op == FilterOp::kIn || filter->op == FilterOp::kNin) {
      for (size_t n = 1 + random_() % 3; n > 0; --n) filter->operands.push_back(Scalar(kind));
    } else {
      filter->operand = Scalar(compares ? kind % 2 : kind);
    }
  }

  model::Scalar Scalar(int kind) {
    if (kind == 0) return static_cast<int64_t>(random_());
    if (kind == 1) return static_cast<double>(random_() % 1000) / 8;
    if (kind == 2) return Text();
    return random_() % 2 == 0;
  }

  std::string Text() {
    static const char* const kPieces[] = {"a", "\"", "$", "ż", "\n", "#"};
    std::string text;
    for (size_t n = random_() % 4; n > 0; --n) text += kPieces[random_() % std::size(kPieces)];
    return text;
  }

  std::mt19937_64 random_;
};

std::string Printed(const Filter& filter) {
  std::string out;
  Print(filter, &out);
  return out;
}

}  // namespace

TEST_CASE("parse filter: random filters survive printing and parsing", "[daemon][api][property]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  RandomFilter random(seed);
  for (int i = 0; i < 3'000; ++i) {
    const std::string text = Printed(random.Make(4));
    CAPTURE(text);
    const auto parsed = Parse(text);
    REQUIRE(parsed.ok());
    REQUIRE(Printed(**parsed) == text);
  }
}

TEST_CASE("parse filter: random damage is an error or another filter, never worse",
          "[daemon][api][property]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  RandomFilter make(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 3'000; ++i) {
    std::string text = Printed(make.Make(3));
    static const char kBytes[] = "{}[]\":,$a1.-en";
    for (int n = 0; n < 3; ++n) text[random() % text.size()] = kBytes[random() % 14];
    json::BorrowedDocument document;
    const auto value = document->ParseCopy(text);
    if (!value.ok()) continue;
    const auto parsed = ParseFilter(*value, {}, {});
    if (!parsed.ok()) {
      REQUIRE((parsed.error().what == "Invalid where clause" ||
               parsed.error().what.starts_with("Regex syntax")));
    }
  }
}

TEST_CASE("parse filter: shorthands mean what they abbreviate", "[daemon][api]") {
  REQUIRE(Printed(**Parse(R"({"k":1})")) == R"({"k":{"$eq":1}})");
  REQUIRE(Printed(**Parse(R"({"k":1,"k":2})")) == R"({"k":{"$eq":2}})");
  REQUIRE(Printed(**Parse(R"({"k":{"$in":[1.5,2,18446744073709551615]}})")) ==
          R"({"k":{"$in":[1.5,2.0,18446744073709551616.0]}})");
  REQUIRE(Printed(**Parse("null", R"({"$contains":"x"})")) == R"({"#document":{"$contains":"x"}})");
  REQUIRE(Printed(**Parse(R"({"k":1})", R"({"$regex":"x"})")) ==
          R"({"$and":[{"k":{"$eq":1}},{"#document":{"$regex":"x"}}]})");
  REQUIRE_FALSE(Parse("null").value().has_value());
  REQUIRE_FALSE(ParseFilter({}, {}, {}).value().has_value());
}

TEST_CASE("parse filter: everything else is an invalid clause", "[daemon][api]") {
  for (const char* bad : {"{}",
                          "[]",
                          "5",
                          "true",
                          "\"x\"",
                          R"({"a":1,"b":2})",
                          R"({"k":null})",
                          R"({"k":[1]})",
                          R"({"k":{}})",
                          R"({"k":{"$eq":1,"$ne":2}})",
                          R"({"k":{"$eq":null}})",
                          R"({"k":{"$eq":[1]}})",
                          R"({"k":{"$eq":{}}})",
                          R"({"k":{"k":1}})",
                          R"({"k":{"$foo":1}})",
                          R"({"k":{"$gt":"x"}})",
                          R"({"k":{"$gte":true}})",
                          R"({"k":{"$lt":null}})",
                          R"({"k":{"$lte":[1]}})",
                          R"({"k":{"$in":[]}})",
                          R"({"k":{"$in":5}})",
                          R"({"k":{"$in":[null]}})",
                          R"({"k":{"$in":[[1]]}})",
                          R"({"k":{"$in":[1,2.5]}})",
                          R"({"k":{"$in":[1,2.0]}})",
                          R"({"k":{"$in":[true,1]}})",
                          R"({"k":{"$in":["a",1]}})",
                          R"({"k":{"$in":[1.5,"a"]}})",
                          R"({"k":{"$nin":[]}})",
                          R"({"k":{"$contains":[1]}})",
                          R"({"k":{"$contains":null}})",
                          R"({"k":{"$not_contains":{}}})",
                          R"({"k":{"$regex":"x"}})",
                          R"({"k":{"$not_regex":"x"}})",
                          R"({"k":{"$and":[]}})",
                          R"({"k":9223372036854775808})",
                          R"({"k":{"$in":[9223372036854775808]}})",
                          R"({"$and":{}})",
                          R"({"$and":5})",
                          R"({"$and":[{}]})",
                          R"({"$and":[null]})",
                          R"({"$or":[5]})",
                          R"({"$or":["x"]})",
                          R"({"$eq":1})",
                          R"({"$foo":1})",
                          R"({"$not":{"k":1}})",
                          R"({"$and":[{"$contains":"x"}]})",
                          R"({"#document":{"$contains":5}})",
                          R"({"#document":{"$contains":"x","$regex":"x"}})",
                          R"({"#document":{"$and":[]}})",
                          R"({"$and":[{"k":1},{"k":{"$gt":"x"}}]})"}) {
    CAPTURE(bad);
    const auto parsed = Parse(bad);
    REQUIRE(parsed.Is(Errc::kInvalidArgument));
    REQUIRE(parsed.error().what == "Invalid where clause");
  }
  for (const char* bad :
       {"{}", "[]", "5", "\"x\"", R"({"$contains":5})", R"({"$contains":null})", R"({"$eq":"x"})",
        R"({"x":"y"})", R"({"$contains":"x","$regex":"y"})", R"({"$and":{}})", R"({"$or":[{}]})",
        R"({"$or":[null]})", R"({"$regex":["x"]})", R"({"#document":{"$contains":"x"}})",
        R"({"$not":{"$contains":"x"}})"}) {
    CAPTURE(bad);
    const auto parsed = Parse("null", bad);
    REQUIRE(parsed.Is(Errc::kInvalidArgument));
    REQUIRE(parsed.error().what == "Invalid where document clause");
  }
}
