// Goal: the pickles of both generations of Chroma are read, and nothing else does harm.
// Method: pickles written out by hand, opcode by opcode; each cut off everywhere, and with random
// bytes changed.
#include "daemon/rescue/id_map.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/support/torture.h"

namespace pannier::rescue {
namespace {

std::string Little(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string Text(const std::string& text) { return "X" + Little(text.size(), 4) + text; }
std::string Int(int32_t value) { return "J" + Little(static_cast<uint32_t>(value), 4); }

// As the Rust server writes it: one dictionary, no memo.
std::string Modern(int records) {
  std::string by_id, by_label;
  for (int i = 0; i < records; ++i) {
    by_id += Text("id-" + std::to_string(i)) + Int(i + 1);
    by_label += Int(i + 1) + Text("id-" + std::to_string(i));
  }
  return "\x80\x03}(" + Text("dimensionality") + "N" + Text("total_elements_added") + Int(records) +
         Text("max_seq_id") + "N" + Text("id_to_label") + "}(" + by_id + "u" + Text("label_to_id") +
         "}(" + by_label + "u" + Text("id_to_seq_id") + "}u.";
}

std::string Short(const std::string& text) {
  return "\x8c" + Little(text.size(), 1) + text + "\x94";
}

// As Python's pickle writes an object of the class that Chroma 0.x had.
std::string Classic() {
  return std::string("\x80\x04\x95") + Little(200, 8) + Short("chromadb.segment") +
         Short("PersistentData") + "\x93\x94)\x81\x94}\x94(" + Short("id_to_label") + "}\x94(" +
         Short("a") + "K\x01" + Short("b") + "M" + Little(300, 2) + "u" + Short("label_to_id") +
         "}\x94(K\x01h\x07M" + Little(300, 2) + "h\x08u" + Short("max_seq_id") +
         "\x8a\x02\x10\x27" + "ub.";
}

TEST_CASE("id map: a pickle of Chroma 1.x gives every label's id", "[daemon][rescue]") {
  const IdMap map = ReadIdMap(Modern(2'000));
  REQUIRE(map.whole());
  REQUIRE(map.ids.size() == 2'000);
  REQUIRE(map.ids.at(1) == "id-0");
  REQUIRE(map.ids.at(2'000) == "id-1999");
}

TEST_CASE("id map: a pickle of Chroma 0.x gives every label's id", "[daemon][rescue]") {
  const IdMap map = ReadIdMap(Classic());
  CAPTURE(map.problem);
  REQUIRE(map.ids == std::unordered_map<uint64_t, std::string>{{1, "a"}, {300, "b"}});
}

TEST_CASE("id map: a torn pickle gives what stands before the tear", "[daemon][rescue]") {
  const std::string whole = Modern(50);
  size_t most = 0;
  for (size_t length = 0; length < whole.size(); ++length) {
    const IdMap map = ReadIdMap(std::string_view(whole).substr(0, length));
    REQUIRE_FALSE(map.whole());
    REQUIRE(map.ids.size() >= most);
    most = map.ids.size();
    for (const auto& [label, id] : map.ids) REQUIRE(id == "id-" + std::to_string(label - 1));
  }
  REQUIRE(most == 50);
}

TEST_CASE("id map: labels that have two ids have none", "[daemon][rescue]") {
  std::string pickle = Modern(3);
  const size_t last = pickle.rfind("id-2");
  pickle[last + 3] = '9';
  const IdMap map = ReadIdMap(pickle);
  REQUIRE_FALSE(map.whole());
  REQUIRE(map.ids.size() == 2);
}

TEST_CASE("id map: what would run code is not read", "[daemon][rescue]") {
  const IdMap map = ReadIdMap("cos\nsystem\n(X\x04\0\0\0exittR.");
  REQUIRE(map.ids.empty());
  REQUIRE_FALSE(map.whole());
}

TEST_CASE("id map: changed bytes never make it fail", "[daemon][rescue]") {
  const uint64_t seed = test::Seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int run = 0; run < 3'000; ++run) {
    std::string pickle = run % 2 == 0 ? Modern(20) : Classic();
    for (int change = 0; change < 1 + run % 4; ++change)
      pickle[random() % pickle.size()] = static_cast<char>(random());
    const IdMap map = ReadIdMap(pickle);
    REQUIRE(map.ids.size() <= 60);
  }
}

}  // namespace
}  // namespace pannier::rescue
