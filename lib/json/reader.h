// Reads hot JSON bodies with simdjson: the whole text is checked (UTF-8, syntax, depth), integers
// stay exact.
//
// Why not nlohmann: 11 times slower on a query body. Cold JSON (configuration, schema, admin) uses
// nlohmann through cold.h. Numbers: an integer within signed 64 bits is an integer; any other
// number is a double (also integers beyond 64 bits, which plain simdjson refuses). A literal that
// overflows a double is an error of syntax, and so is half of a surrogate pair (`"\ud800"`): every
// string comes out as valid UTF-8. Threads: a Document belongs to one thread; BorrowedDocument
// takes one of this thread's own. Lifetime: Values and string views live until the next Parse() of
// their Document or its end; they do not need the text they were parsed from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lib/core/result.h"

namespace pannier::json {

inline constexpr int kDepthMax = 128;  // arrays and objects within each other; that many and more
                                       // are an error of syntax (unless SetDepthMax said otherwise)
inline constexpr size_t kPadding = 64;  // bytes readable behind the text given to Parse()

// Of what we wrote ourselves: it may lie deeper in our text than it lay in the request it came
// with.
inline constexpr int kOwnDepthMax = 2'048;

// How deep Documents made from now on may go, in the whole process: a setting of the daemon, for
// what others send.
void SetDepthMax(int depth);

enum class Kind { kNull, kBool, kInt, kDouble, kString, kArray, kObject };

class Document;

// A node of the parsed text. Cheap to copy.
class Value {
 public:
  Kind kind() const;
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_array() const { return kind() == Kind::kArray; }
  bool is_object() const { return kind() == Kind::kObject; }
  bool is_number() const { return kind() == Kind::kInt || kind() == Kind::kDouble; }

  // CHECK that kind() fits.
  bool AsBool() const;
  int64_t AsInt() const;
  double AsDouble() const;  // of kInt or kDouble
  // An integer within 0 … 2^64-1, exactly; nothing of any other value.
  std::optional<uint64_t> AsUnsigned() const;
  std::string_view AsString() const;

  // Arrays and objects: number of children; O(children) at worst.
  size_t size() const;

  // Visits the children in order until the visitor returns false. Objects show every key as sent,
  // duplicates too.
  //   ForEachElement([&](Value element) { …; return true; });
  //   ForEachMember([&](std::string_view key, Value member) { …; return true; });
  template <typename Visitor>
  void ForEachElement(Visitor&& visit) const {
    using F = std::remove_reference_t<Visitor>;
    VisitElements([](void* f, Value v) -> bool { return (*static_cast<F*>(f))(v); },
                  const_cast<std::remove_const_t<F>*>(&visit));
  }
  template <typename Visitor>
  void ForEachMember(Visitor&& visit) const {
    using F = std::remove_reference_t<Visitor>;
    VisitMembers([](void* f, std::string_view key,
                    Value v) -> bool { return (*static_cast<F*>(f))(key, v); },
                 const_cast<std::remove_const_t<F>*>(&visit));
  }

  // The last member of that key, or nothing. Null members are found.
  std::optional<Value> Find(std::string_view key) const;

  // Fast path for vectors: narrows an array of numbers to float and appends. False (and `out` as it
  // was) when an element is not a number. Values beyond float become infinities, which the caller
  // refuses.
  bool AppendFloats(std::vector<float>* out) const;

 private:
  friend class Document;
  friend struct ValueAccess;
  using ElementVisitor = bool (*)(void* context, Value element);
  using MemberVisitor = bool (*)(void* context, std::string_view key, Value member);
  void VisitElements(ElementVisitor visit, void* context) const;
  void VisitMembers(MemberVisitor visit, void* context) const;

  alignas(8) unsigned char node_[16] = {};  // a simdjson element, whose header stays out of ours
};

class Document {
 public:
  Document();
  explicit Document(int depth_max);
  ~Document();
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  // Parses `text`, behind which kPadding bytes are readable. Previous values end.
  //   kInvalidArgument    not JSON, not UTF-8, or nested too deep
  //   kResourceExhausted  no memory for a text of that size
  Result<Value> Parse(std::string_view text);
  // The same for text without padding; copies it.
  Result<Value> ParseCopy(std::string_view text);

  // Bytes of memory kept for the next Parse(), about.
  size_t MemoryKept() const;
  // Gives memory back when more than 1 MiB is kept. Values end.
  void Trim();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// One of this thread's documents, its own until this object ends, even when a caller further up
// holds another. Warm: the memory of earlier ones is used again, up to 1 MiB.
class BorrowedDocument {
 public:
  BorrowedDocument();
  ~BorrowedDocument();
  BorrowedDocument(const BorrowedDocument&) = delete;
  BorrowedDocument& operator=(const BorrowedDocument&) = delete;

  Document* operator->() { return document_.get(); }
  Document& operator*() { return *document_; }

 private:
  std::unique_ptr<Document> document_;
};

}  // namespace pannier::json
