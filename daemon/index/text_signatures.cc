#include "daemon/index/text_signatures.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace pannier::index {
namespace {

constexpr size_t kRun = 3;
// More of one text say no more.
constexpr size_t kRunsMax = 48;

// An entry is a key and a row: 23 and 9 bits.
constexpr uint32_t kRowBits = 9;
constexpr uint32_t kKeyBits = 32 - kRowBits;
static_assert(TextSignatures::kBlockRows == 1u << kRowBits);
// Entries of so many documents take as much as the line of a common run.
constexpr size_t kRareMax = 16;
constexpr uint32_t kStartBits = 8;

// Two runs of three bytes share each key. What multiplies is odd, so no others do, and spreads runs
// that differ little.
uint32_t KeyOf(uint32_t run) { return ((run * 0x9E3779B1u) & 0xFFFFFF) >> (24 - kKeyBits); }

// Lower case for what regular expressions without case take for an ASCII letter; two letters
// outside of ASCII are such: the Kelvin sign is a k, the long s an s.
uint8_t NextFolded(std::string_view text, size_t* at) {
  const auto byte = static_cast<uint8_t>(text[*at]);
  if (byte >= 'A' && byte <= 'Z') {
    ++*at;
    return static_cast<uint8_t>(byte + ('a' - 'A'));
  }
  if (byte == 0xE2 && text.substr(*at, 3) == "\xE2\x84\xAA") {
    *at += 3;
    return 'k';
  }
  if (byte == 0xC5 && text.substr(*at, 2) == "\xC5\xBF") {
    *at += 2;
    return 's';
  }
  ++*at;
  return byte;
}

// Calls visit(key) for each run of three folded bytes.
template <typename Visit>
void ForEachRun(std::string_view text, Visit visit) {
  uint32_t window = 0;
  size_t bytes = 0;
  for (size_t at = 0; at < text.size();) {
    window = ((window << 8) | NextFolded(text, &at)) & 0xFFFFFF;
    if (++bytes >= kRun) visit(KeyOf(window));
  }
}

// Sorts entries by key; those of one key stay in their order. A hundred thousand of a block took
// ten times as long by comparing.
void SortByKey(std::vector<uint32_t>* entries) {
  constexpr uint32_t kDigitBits = 12;
  std::vector<uint32_t> sorted(entries->size());
  for (uint32_t shift = kRowBits; shift < 32; shift += kDigitBits) {
    std::vector<uint32_t> places((size_t{1} << kDigitBits) + 1);
    const auto digit = [shift](uint32_t entry) {
      return (entry >> shift) & ((1u << kDigitBits) - 1);
    };
    for (const uint32_t entry : *entries) ++places[digit(entry) + 1];
    for (size_t i = 1; i < places.size(); ++i) places[i] += places[i - 1];
    for (const uint32_t entry : *entries) sorted[places[digit(entry)]++] = entry;
    entries->swap(sorted);
  }
}

void SetBit(uint32_t row, std::array<uint64_t, TextSignatures::kBlockRows / 64>* line) {
  (*line)[row / 64] |= uint64_t{1} << (row % 64);
}

}  // namespace

uint64_t TextSignatures::Block::bytes() const {
  return sizeof(Block) + lines_.capacity() * sizeof(Line) +
         (rare_.capacity() + starts_.capacity() + common_.capacity()) * sizeof(uint32_t);
}

void TextSignatures::Block::Add(const std::vector<Document>& documents) {
  std::vector<uint32_t> entries = Entries();
  for (const Document& document : documents) {
    const uint32_t row = rows_++;
    for (const uint32_t key : document.runs) entries.push_back(key << kRowBits | row);
    if (document.kind == Kind::kUnread) SetBit(row, &unread_);
  }
  SortByKey(&entries);
  Set(entries);
}

std::vector<uint32_t> TextSignatures::Block::Entries() const {
  std::vector<uint32_t> entries = rare_;
  for (size_t i = 0; i < common_.size(); ++i) {
    for (uint32_t row = 0; row < rows_; ++row) {
      if ((lines_[i][row / 64] >> (row % 64) & 1) != 0) {
        entries.push_back(common_[i] << kRowBits | row);
      }
    }
  }
  return entries;
}

void TextSignatures::Block::Set(const std::vector<uint32_t>& entries) {
  std::vector<uint32_t> rare, common;
  std::vector<Line> lines;
  for (auto at = entries.begin(); at != entries.end();) {
    const uint32_t key = *at >> kRowBits;
    const auto end =
        std::find_if(at, entries.end(), [key](uint32_t entry) { return entry >> kRowBits != key; });
    if (end - at <= static_cast<std::ptrdiff_t>(kRareMax)) {
      rare.insert(rare.end(), at, end);
    } else {
      common.push_back(key);
      Line& line = lines.emplace_back();
      for (auto each = at; each != end; ++each) SetBit(*each % kBlockRows, &line);
    }
    at = end;
  }
  // Copies, for they have no room to spare.
  rare_ = std::vector<uint32_t>(rare.begin(), rare.end());
  common_ = std::vector<uint32_t>(common.begin(), common.end());
  lines_ = std::vector<Line>(lines.begin(), lines.end());
  starts_.assign((size_t{1} << kStartBits) + 1, 0);
  for (const uint32_t entry : rare_) ++starts_[(entry >> (32 - kStartBits)) + 1];
  for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
}

TextSignatures::Line TextSignatures::Block::Find(uint32_t key) const {
  const auto common = std::lower_bound(common_.begin(), common_.end(), key);
  if (common != common_.end() && *common == key) {
    return lines_[static_cast<size_t>(common - common_.begin())];
  }
  Line line{};
  const size_t start = key >> (kKeyBits - kStartBits);
  const uint32_t* end = rare_.data() + starts_[start + 1];
  const uint32_t* at = std::lower_bound(rare_.data() + starts_[start], end, key << kRowBits);
  for (; at != end && *at >> kRowBits == key; ++at) SetBit(*at % kBlockRows, &line);
  return line;
}

void TextSignatures::Block::AddMay(const std::vector<uint32_t>& keys, Line* found) const {
  Line all;
  all.fill(~uint64_t{0});
  for (const uint32_t key : keys) {
    const Line line = Find(key);
    uint64_t left = 0;
    for (size_t i = 0; i < all.size(); ++i) left |= all[i] &= line[i];
    if (left == 0) return;
  }
  for (size_t i = 0; i < all.size(); ++i) (*found)[i] |= all[i];
}

TextSignatures::Appender::Appender(const TextSignatures& base)
    : base_(base), seen_(size_t{1} << kKeyBits) {}

uint32_t TextSignatures::Appender::room() const {
  return kBlockRows - base_.covered_ % kBlockRows - static_cast<uint32_t>(documents_.size());
}

void TextSignatures::Appender::Add(Kind kind, std::string_view text) {
  std::vector<uint32_t>& runs = documents_.emplace_back(Document{kind, {}}).runs;
  if (kind != Kind::kText) return;
  ForEachRun(text, [&](uint32_t key) {
    if (seen_[key]) return;
    seen_[key] = true;
    runs.push_back(key);
  });
  for (const uint32_t key : runs) seen_[key] = false;
}

std::shared_ptr<const TextSignatures> TextSignatures::Appender::Finish() {
  auto next = std::make_shared<TextSignatures>(base_);
  if (documents_.empty()) return next;
  const bool fresh = base_.covered_ % kBlockRows == 0;
  auto block = fresh ? std::make_shared<Block>() : std::make_shared<Block>(*base_.blocks_.back());
  block->Add(documents_);
  next->covered_ += static_cast<uint32_t>(documents_.size());
  if (!fresh) next->blocks_.pop_back();
  next->blocks_.push_back(std::move(block));
  return next;
}

uint64_t TextSignatures::bytes() const {
  uint64_t bytes = sizeof(*this) + blocks_.capacity() * sizeof(blocks_[0]);
  for (const auto& block : blocks_) bytes += block->bytes();
  return bytes;
}

void TextSignatures::FindMay(const TextNeedles& needles, RowBits* may) const {
  std::vector<std::vector<uint32_t>> alternatives;
  for (const std::vector<std::string>& texts : needles) {
    std::vector<uint32_t>& keys = alternatives.emplace_back();
    for (const std::string& text : texts) {
      ForEachRun(text, [&](uint32_t key) {
        if (keys.size() < kRunsMax) keys.push_back(key);
      });
    }
  }
  for (uint32_t b = 0; b < blocks_.size(); ++b) {
    const Block& block = *blocks_[b];
    Line found = block.unread();
    for (const auto& keys : alternatives) block.AddMay(keys, &found);
    for (uint32_t i = 0; i < found.size() && i * 64 < block.rows(); ++i) {
      const uint32_t left = block.rows() - i * 64;
      const uint64_t mask = left >= 64 ? ~uint64_t{0} : ~(~uint64_t{0} << left);
      may->SetWord(b * kBlockRows + i * 64, found[i] & mask);
    }
  }
}

}  // namespace pannier::index
