#include "lib/config/value.h"

#include <catch2/catch.hpp>

namespace pannier::config {
namespace {

TEST_CASE("yaml: values keep their text, kind and line", "[lib][config]") {
  const Value root = ParseYaml("a: 1\nb:\n- x\n- \"2\"\nc: {d: ~}\n", "f").value();
  REQUIRE(root.kind == Value::Kind::kMap);
  REQUIRE(root.Find("a")->scalar == "1");
  REQUIRE(root.Find("a")->line == 1);
  REQUIRE(root.Find("b")->items.size() == 2);
  REQUIRE_FALSE(root.Find("b")->items[0].quoted);
  REQUIRE(root.Find("b")->items[1].quoted);
  REQUIRE(root.Find("b")->items[1].line == 4);
  REQUIRE(root.Find("c")->Find("d")->kind == Value::Kind::kNull);
  REQUIRE(root.Find("absent") == nullptr);
}

TEST_CASE("yaml: an empty file is a null value", "[lib][config]") {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n"}) {
    CAPTURE(text);
    REQUIRE(ParseYaml(text, "f").value().kind == Value::Kind::kNull);
  }
}

TEST_CASE("yaml: what cannot be read is refused with file and line", "[lib][config]") {
  const auto what = [](const std::string& text) { return ParseYaml(text, "f.yaml").error().what; };
  REQUIRE(what("a: 1\nb: [1, 2\n").starts_with("f.yaml:3: "));
  REQUIRE(what("a: 1\n\ta: 2\n").starts_with("f.yaml:2: "));
  REQUIRE(what("a: 1\nb: 2\na: 3\n") == "f.yaml:3: the key \"a\" is there twice");
  REQUIRE(what("[x]: 1\n") == "f.yaml:1: a key must be a plain word");
  REQUIRE(what("a: 1\n---\nb: 2\n") == "f.yaml:3: only one document is expected");
  REQUIRE(what("a: *nowhere\n").starts_with("f.yaml:1: "));
}

TEST_CASE("yaml: hostile documents end with an error", "[lib][config]") {
  REQUIRE(ParseYaml(std::string(100'000, '['), "f").error().what == "f:1: nested too deeply");
  REQUIRE_FALSE(ParseYaml("a: &a [*a]\n", "f").ok());
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
    for (int j = 1; j < 10; ++j) bomb += ", " + below;
    bomb += "]\n";
  }
  REQUIRE(ParseYaml(bomb, "f").Is(Errc::kInvalidArgument));
  REQUIRE(ParseYaml(std::string("a: 1\nb: \0", 9), "f").error().what ==
          "f:2: a control character; is this a text file?");
  // A fuzzer found that YAML::LoadAll never returns from these two.
  REQUIRE_FALSE(ParseYaml(std::string(",tcp\x12\0\0\0\0\0`\0 ma", 15), "f").ok());
  REQUIRE_FALSE(ParseYaml(",a: b", "f").ok());
  REQUIRE_FALSE(ParseYaml("a: \xff\xfe", "f").Is(Errc::kInternal));
}

TEST_CASE("yaml: an alias is a copy of what it names", "[lib][config]") {
  const Value root = ParseYaml("a: &x {b: [1, 2]}\nc: *x\nd:\n- *x\n", "f").value();
  REQUIRE(root.Find("c")->Find("b")->items.size() == 2);
  REQUIRE(root.Find("c")->line == 2);
  REQUIRE(root.Find("d")->items[0].Find("b")->items[1].scalar == "2");
}

TEST_CASE("yaml: what is written is read back the same", "[lib][config]") {
  const std::string text =
      "name: x y\nnumber: 12\ntext: \"12\"\nempty: \"\"\nnone: ~\nlist:\n  - 1\n  - a: "
      "b\nno_items: []\n";
  const Value once = ParseYaml(text, "f").value();
  REQUIRE(WriteYaml(once) == text);
  const Value tricky = ParseYaml(R"(a: "line\nline: # - { \" \u00e9")", "f").value();
  REQUIRE(ParseYaml(WriteYaml(tricky), "g").value().Find("a")->scalar == tricky.Find("a")->scalar);
}

}  // namespace
}  // namespace pannier::config
