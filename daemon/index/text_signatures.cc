#include "daemon/index/text_signatures.h"

#include <algorithm>
#include <bit>
#include <bitset>

namespace pannier::index {
namespace {

constexpr size_t kRun = 3;
constexpr size_t kLinesMin = 64;
constexpr size_t kLinesMax = 1u << 16;
constexpr uint64_t kLinesPerRun = 8;
// More of one text say no more.
constexpr size_t kRunsMax = 48;

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

// Calls visit(hash) for each run of three folded bytes.
template <typename Visit>
void ForEachRun(std::string_view text, Visit visit) {
  uint32_t window = 0;
  size_t bytes = 0;
  for (size_t at = 0; at < text.size();) {
    window = ((window << 8) | NextFolded(text, &at)) & 0xFFFFFF;
    if (++bytes >= kRun) visit(static_cast<uint16_t>((window * 0x9E3779B1u) >> 16));
  }
}

std::vector<uint16_t> RunsOf(std::string_view text) {
  thread_local std::bitset<kLinesMax> seen;
  std::vector<uint16_t> runs;
  ForEachRun(text, [&](uint16_t run) {
    if (seen[run]) return;
    seen[run] = true;
    runs.push_back(run);
  });
  for (const uint16_t run : runs) seen[run] = false;
  return runs;
}

}  // namespace

// A line of a longer signature holds the bits of the shorter one's: a set bit too many is no error.
void TextSignatures::Block::Widen(uint64_t average_runs) {
  const size_t wanted =
      std::clamp<size_t>(std::bit_ceil(average_runs * kLinesPerRun) / 2, kLinesMin, kLinesMax);
  if (lines.empty()) lines.resize(wanted);
  while (lines.size() < wanted) {
    const size_t half = lines.size();
    lines.resize(half * 2);
    std::copy_n(lines.begin(), half, lines.begin() + static_cast<std::ptrdiff_t>(half));
  }
}

TextSignatures::Appender::Appender(const TextSignatures& base) : base_(base) {}

uint32_t TextSignatures::Appender::room() const {
  return kBlockRows - base_.covered_ % kBlockRows - static_cast<uint32_t>(documents_.size());
}

void TextSignatures::Appender::Add(Kind kind, std::string_view text) {
  documents_.push_back({kind, kind == Kind::kText ? RunsOf(text) : std::vector<uint16_t>()});
}

std::shared_ptr<const TextSignatures> TextSignatures::Appender::Finish() {
  auto next = std::make_shared<TextSignatures>(base_);
  if (documents_.empty()) return next;
  const bool fresh = base_.covered_ % kBlockRows == 0;
  auto block = fresh ? std::make_shared<Block>() : std::make_shared<Block>(*base_.blocks_.back());
  for (const Document& document : documents_) block->runs += document.runs.size();
  block->Widen(block->runs / (block->rows + documents_.size()));
  const size_t mask = block->lines.size() - 1;
  for (const Document& document : documents_) {
    const uint32_t word = block->rows / 64;
    const uint64_t bit = uint64_t{1} << (block->rows % 64);
    for (const uint16_t run : document.runs) block->lines[run & mask][word] |= bit;
    if (document.kind == Kind::kUnread) block->unread[word] |= bit;
    ++block->rows;
  }
  next->covered_ += static_cast<uint32_t>(documents_.size());
  if (!fresh) next->blocks_.pop_back();
  next->blocks_.push_back(std::move(block));
  return next;
}

uint64_t TextSignatures::bytes() const {
  uint64_t bytes = sizeof(*this) + blocks_.capacity() * sizeof(blocks_[0]);
  for (const auto& block : blocks_) {
    bytes += sizeof(Block) + block->lines.capacity() * sizeof(Line);
  }
  return bytes;
}

void TextSignatures::FindMay(const TextNeedles& needles, RowBits* may) const {
  std::vector<std::vector<uint16_t>> alternatives;
  for (const std::vector<std::string>& texts : needles) {
    std::vector<uint16_t>& runs = alternatives.emplace_back();
    for (const std::string& text : texts) {
      ForEachRun(text, [&](uint16_t run) {
        if (runs.size() < kRunsMax) runs.push_back(run);
      });
    }
  }
  for (uint32_t b = 0; b < blocks_.size(); ++b) {
    const Block& block = *blocks_[b];
    Line found = block.unread;
    for (const auto& runs : alternatives) {
      Line all;
      all.fill(~uint64_t{0});
      for (const uint16_t run : runs) {
        const Line& line = block.lines[run & (block.lines.size() - 1)];
        for (size_t i = 0; i < all.size(); ++i) all[i] &= line[i];
      }
      for (size_t i = 0; i < all.size(); ++i) found[i] |= all[i];
    }
    for (uint32_t i = 0; i < found.size() && i * 64 < block.rows; ++i) {
      const uint32_t left = block.rows - i * 64;
      const uint64_t mask = left >= 64 ? ~uint64_t{0} : ~(~uint64_t{0} << left);
      may->SetWord(b * kBlockRows + i * 64, found[i] & mask);
    }
  }
}

}  // namespace pannier::index
