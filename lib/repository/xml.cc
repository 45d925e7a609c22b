#include "lib/repository/xml.h"

#include <algorithm>
#include <charconv>

namespace pannier::repository {
namespace {

constexpr size_t kBytesMax = 8 << 20;
constexpr size_t kElementsMax = 100'000;
constexpr int kDepthMax = 16;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':';
}

void AppendUtf8(uint32_t code, std::string* out) {
  const auto tail = [&](int shift) {
    out->push_back(static_cast<char>(0x80 | (code >> shift & 0x3f)));
  };
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xc0 | code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xe0 | code >> 12));
    tail(6);
    tail(0);
  } else {
    out->push_back(static_cast<char>(0xf0 | code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), rest_(text) {}

  Result<XmlElement> Parse() {
    if (text_.size() > kBytesMax) return Corruption("XML: longer than 8 MiB");
    Take("\xef\xbb\xbf");  // a byte order mark
    if (Take("<?xml")) {
      const size_t end = rest_.find("?>");
      if (end == std::string_view::npos) return Wrong("a declaration without an end");
      rest_.remove_prefix(end + 2);
    }
    SkipSpace();
    XmlElement root;
    TRY(ReadElement(&root, 0));
    SkipSpace();
    if (!rest_.empty()) return Wrong("text behind the root");
    return root;
  }

 private:
  Error Wrong(std::string_view what) const {
    return Corruption("XML: " + std::string(what) + " at byte " +
                      std::to_string(text_.size() - rest_.size()));
  }

  bool Take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  void SkipSpace() {
    while (!rest_.empty() && IsSpace(rest_.front())) rest_.remove_prefix(1);
  }

  std::string_view TakeName() {
    size_t size = 0;
    while (size < rest_.size() && IsNameChar(rest_[size])) ++size;
    const std::string_view name = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return name;
  }

  // Up to '>' or "/>", which tells whether the element is empty.
  Result<bool> SkipAttributes() {
    while (true) {
      const size_t before = rest_.size();
      SkipSpace();
      if (Take("/>")) return true;
      if (Take(">")) return false;
      const bool spaced = rest_.size() != before;
      if (!spaced || TakeName().empty()) return Wrong("not an attribute");
      SkipSpace();
      if (!Take("=")) return Wrong("an attribute without a value");
      SkipSpace();
      const char quote = rest_.empty() ? '\0' : rest_.front();
      if (quote != '"' && quote != '\'') return Wrong("an attribute without quotes");
      const size_t end = rest_.find(quote, 1);
      if (end == std::string_view::npos || rest_.substr(0, end).find('<') != std::string_view::npos)
        return Wrong("an attribute without an end");
      rest_.remove_prefix(end + 1);
    }
  }

  Status ReadElement(XmlElement* element, int depth) {
    if (depth >= kDepthMax) return Wrong("elements nested too deep");
    if (++elements_ > kElementsMax) return Wrong("too many elements");
    if (!Take("<")) return Wrong("no element");
    const std::string_view tag = TakeName();
    element->name = tag.substr(tag.rfind(':') + 1);
    if (element->name.empty()) return Wrong("an element without a name");
    if (TRY(SkipAttributes())) return {};
    while (true) {
      if (Take("</")) {
        if (TakeName() != tag) return Wrong("another element's end");
        SkipSpace();
        return Take(">") ? Status() : Wrong("an end without its bracket");
      }
      if (rest_.empty()) return Wrong("an element without an end");
      if (rest_.front() == '<') {
        TRY(ReadElement(&element->children.emplace_back(), depth + 1));
      } else {
        TRY(ReadText(&element->text));
      }
    }
  }

  Status ReadText(std::string* out) {
    while (!rest_.empty() && rest_.front() != '<') {
      const size_t plain = std::min(rest_.find_first_of("<&"), rest_.size());
      out->append(rest_.substr(0, plain));
      rest_.remove_prefix(plain);
      if (Take("&")) TRY(ReadEntity(out));
    }
    return {};
  }

  Status ReadEntity(std::string* out) {
    const size_t end = rest_.find(';');
    if (end > 10) return Wrong("an entity without an end");
    const std::string_view name = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    static constexpr std::pair<std::string_view, char> kNamed[] = {
        {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [known, character] : kNamed) {
      if (name != known) continue;
      out->push_back(character);
      return {};
    }
    const bool hex = name.starts_with("#x");
    if (!hex && !name.starts_with("#")) return Wrong("an unknown entity");
    const std::string_view digits = name.substr(hex ? 2 : 1);
    uint32_t code = 0;
    const auto [last, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
    const bool whole = error == std::errc() && last == digits.data() + digits.size();
    if (!whole || code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
      return Wrong("an entity of no character");
    AppendUtf8(code, out);
    return {};
  }

  const std::string_view text_;
  std::string_view rest_;
  size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::Find(std::string_view child) const {
  for (const XmlElement& each : children) {
    if (each.name == child) return &each;
  }
  return nullptr;
}

std::string_view XmlElement::TextOf(std::string_view child) const {
  const XmlElement* found = Find(child);
  return found == nullptr ? std::string_view() : found->text;
}

Result<XmlElement> ParseXml(std::string_view text) { return Parser(text).Parse(); }

std::string EscapeXml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace pannier::repository
