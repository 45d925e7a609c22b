#include "lib/config/schema.h"

#include <catch2/catch.hpp>

#include "lib/core/units.h"

namespace pannier::config {
namespace {

using std::chrono::milliseconds;

enum class Color { kRed, kGreen };

struct Item {
  std::string name;
  uint64_t size = 1_KiB;
};

struct Sample {
  std::string text = "t";
  std::filesystem::path path = "/p";
  bool flag = false;
  uint32_t number = 7;
  uint64_t bytes = 64_MiB;
  milliseconds span{90'000};
  unsigned mode = 0660;
  Color color = Color::kGreen;
  std::vector<Item> items;
  Schema schema;

  Sample() {
    schema.Text("text", &text, "A text.");
    schema.Path("path", &path, "A path.");
    schema.Bool("in.flag", &flag, "A flag.");
    schema.Integer("in.number", &number, {1, 100}, "A number.");
    schema.Bytes("memory.budget", &bytes, {1_MiB, 1_GiB}, "A size.");
    schema.Duration("in.deep.span", &span, {milliseconds(1), milliseconds(3'600'000)}, "A span.");
    schema.Mode("in.mode", &mode, "Permissions.");
    schema.Choice<Color>("color", &color, {{"red", Color::kRed}, {"green", Color::kGreen}},
                         "A color.");
    schema.Items<Item>("items", &items, "Items.", [](Schema& keys, Item& item) {
      keys.Text("name", &item.name, "Its name.");
      keys.Bytes("size", &item.size, {}, "Its size.");
    });
  }
  Status Read(const std::string& yaml) {
    return schema.Read(ParseYaml(yaml, "f.yaml").value(), "f.yaml");
  }
};

TEST_CASE("schema: every type of value reaches its field", "[lib][config]") {
  Sample sample;
  const Status read = sample.Read(
      "text: hello\npath: /x y\nin: {flag: true, number: 9, deep: {span: 2m}, mode: \"0600\"}\n"
      "memory: {budget: 1GiB}\ncolor: red\nitems: [{name: a}, {name: b, size: 2KiB}]\n");
  CAPTURE(read.ok() ? "" : read.error().what);
  REQUIRE(read.ok());
  REQUIRE(sample.text == "hello");
  REQUIRE(sample.path == "/x y");
  REQUIRE(sample.flag);
  REQUIRE(sample.number == 9);
  REQUIRE(sample.bytes == 1_GiB);
  REQUIRE(sample.span == std::chrono::minutes(2));
  REQUIRE(sample.mode == 0600);
  REQUIRE(sample.color == Color::kRed);
  REQUIRE(sample.items.size() == 2);
  REQUIRE((sample.items[1].name == "b" && sample.items[1].size == 2_KiB));
}

TEST_CASE("schema: a list of texts is a list in a file, and words with commas in a flag",
          "[lib][config]") {
  std::vector<std::string> names = {"default"};
  Schema schema;
  schema.Texts("names", &names, "Names.");
  REQUIRE(schema.Read(ParseYaml("names: [a, 'b,c']", "f").value(), "f").ok());
  REQUIRE(names == std::vector<std::string>{"a", "b,c"});
  REQUIRE(schema.Set("names", "x,y", "--set").ok());
  REQUIRE(names == std::vector<std::string>{"x", "y"});
  REQUIRE(schema.Read(ParseYaml("names: [{a: 1}]", "f").value(), "f").Is(Errc::kInvalidArgument));
  REQUIRE(schema.Read(ParseYaml("names: {a: 1}", "f").value(), "f").Is(Errc::kInvalidArgument));
}

TEST_CASE("schema: keys without a value and empty sections keep the defaults", "[lib][config]") {
  Sample sample;
  REQUIRE(sample.Read("text:\nin:\nmemory: {}\nitems:\n").ok());
  REQUIRE(sample.text == "t");
  REQUIRE(sample.number == 7);
  REQUIRE(sample.Read("").ok());
}

TEST_CASE("schema: a wrong file is refused with file, line, key and what is expected",
          "[lib][config]") {
  struct Case {
    const char* yaml;
    const char* what;
  };
  const Case cases[] = {
      {"text: a\nmemmory: 1\n", "f.yaml:2: unknown key \"memmory\" (did you mean \"memory\"?)"},
      {"in: {nmuber: 1}", "f.yaml:1: unknown key \"nmuber\" in in (did you mean \"number\"?)"},
      {"zzzzzz: 1",
       "f.yaml:1: unknown key \"zzzzzz\" (known: text, path, in, memory, color, items)"},
      {"in:\n  number: x", "f.yaml:2: in.number: \"x\" is not a whole number"},
      {"in: {number: 101}", "f.yaml:1: in.number: 101 is outside of 1 … 100"},
      {"in: {number: -1}", "f.yaml:1: in.number: \"-1\" is not a whole number"},
      {"in: {flag: yes}", "f.yaml:1: in.flag: \"yes\" is not true or false"},
      {"memory: {budget: 1 gig}",
       "f.yaml:1: memory.budget: \"1 gig\" is not a size (such as 64MiB)"},
      {"memory: {budget: 1KiB}", "f.yaml:1: memory.budget: 1KiB is outside of 1MiB … 1GiB"},
      {"in: {deep: {span: 5}}", "f.yaml:1: in.deep.span: \"5\" is not a time span (such as 30s)"},
      {"in: {mode: 0999}", "f.yaml:1: in.mode: \"0999\" is not permissions (such as \"0660\")"},
      {"color: blue", "f.yaml:1: color: \"blue\" is not one of red, green"},
      {"text: [a]", "f.yaml:1: text: a list is not text"},
      {"memory: 5", "f.yaml:1: memory: expected keys and values"},
      {"- a", "f.yaml:1: expected keys and values"},
      {"items: {name: a}", "f.yaml:1: items: expected a list"},
      {"items:\n- {name: a}\n- {nam: b}\n",
       "f.yaml:3: unknown key \"nam\" (did you mean \"name\"?)"},
      {"items: [a]", "f.yaml:1: expected keys and values"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.yaml);
    Sample sample;
    const Status read = sample.Read(one.yaml);
    REQUIRE(read.Is(Errc::kInvalidArgument));
    REQUIRE(read.error().what == one.what);
  }
}

TEST_CASE("schema: a flag sets one key, and its error names the flag", "[lib][config]") {
  Sample sample;
  REQUIRE(sample.schema.Set("in.number", "8", "--number").ok());
  REQUIRE(sample.number == 8);
  REQUIRE(sample.schema.Set("in.number", "x", "--number").error().what ==
          "--number: \"x\" is not a whole number");
  REQUIRE(sample.schema.Set("in.nubmer", "1", "--set").error().what ==
          "--set: unknown key \"in.nubmer\" (did you mean \"in.number\"?)");
  REQUIRE(sample.schema.Set("memory.zzzzzzzzzz", "1", "--set").error().what ==
          "--set: unknown key \"memory.zzzzzzzzzz\" (known: memory.budget)");
  REQUIRE(sample.schema.Set("zzzzzz", "1", "--set").error().what ==
          "--set: unknown key \"zzzzzz\" (known: text, path, in, memory, color, items)");
  REQUIRE(sample.schema.Set("items", "a", "--set").Is(Errc::kInvalidArgument));
}

TEST_CASE("schema: the table knows the defaults in the form that is read back", "[lib][config]") {
  Sample sample;
  const auto fields = sample.schema.fields();
  const auto text_of = [&](const std::string& path) {
    for (const Schema::Field& field : fields) {
      if (field.path == path) return field.default_text;
    }
    return std::string("absent");
  };
  REQUIRE(text_of("memory.budget") == "64MiB");
  REQUIRE(text_of("in.deep.span") == "90s");
  REQUIRE(text_of("in.mode") == "\"0660\"");
  REQUIRE(text_of("color") == "green");
  REQUIRE(text_of("items[].size") == "1KiB");
}

TEST_CASE("schema: only near words are suggested", "[lib][config]") {
  REQUIRE(NearestWord("memmory", {"memory", "stores"}) == "memory");
  REQUIRE(NearestWord("idle_after", {"idleAfter"}) == "idleAfter");
  REQUIRE(NearestWord("xy", {"tcp", "listen"}).empty());
}

}  // namespace
}  // namespace pannier::config
