#include "lib/repository/chunk_codec.h"

#include <zstd.h>

#include <algorithm>
#include <span>
#include <vector>

#include "lib/core/background_turn.h"
#include "lib/core/check.h"
#include "lib/core/mutex.h"

namespace pannier::repository {
namespace {

constexpr char kRaw = 0;
constexpr char kZstd = 1;
constexpr int kLevel = 1;
constexpr size_t kKept = 4;
constexpr size_t kPiece = 64 << 10;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

template <typename Context>
class Pool {
 public:
  using Owned = std::unique_ptr<Context, FreeContext>;

  template <typename Make>
  Owned Take(Make make) {
    {
      MutexLock lock(mutex_);
      if (!idle_.empty()) {
        Owned context = std::move(idle_.back());
        idle_.pop_back();
        return context;
      }
    }
    Owned context(make());
    CHECK(context != nullptr);
    return context;
  }
  void Return(Owned context) {
    MutexLock lock(mutex_);
    if (idle_.size() < kKept) idle_.push_back(std::move(context));
  }

 private:
  Mutex mutex_;
  std::vector<Owned> idle_ GUARDED_BY(mutex_);
};

// How many bytes it made of them; `into` has room for the worst. In pieces: see LetRequestsPass().
size_t Pack(ZSTD_CCtx* context, std::string_view bytes, std::span<char> into) {
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setPledgedSrcSize(context, bytes.size());
  ZSTD_outBuffer out{into.data(), into.size(), 0};
  ZSTD_inBuffer in{bytes.data(), 0, 0};
  size_t left = 1;
  while (left != 0) {
    in.size = std::min(in.size + kPiece, bytes.size());
    left = ZSTD_compressStream2(context, &out, &in,
                                in.size == bytes.size() ? ZSTD_e_end : ZSTD_e_continue);
    CHECK(ZSTD_isError(left) == 0);
    if (in.size < bytes.size()) left = 1;
    LetRequestsPass();
  }
  return out.pos;
}

// Fills `into`, from one frame and nothing behind it.
Status Unpack(ZSTD_DCtx* context, std::string_view content, std::span<char> into) {
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_inBuffer in{content.data(), content.size(), 0};
  ZSTD_outBuffer out{into.data(), 0, 0};
  while (true) {
    const size_t in_before = in.pos, out_before = out.pos;
    out.size = std::min(out.size + kPiece, into.size());
    const size_t hint = ZSTD_decompressStream(context, &out, &in);
    if (ZSTD_isError(hint) != 0)
      return Corruption(std::string("the chunk cannot be unpacked: ") + ZSTD_getErrorName(hint));
    if (hint == 0) break;
    // It wants more bytes than there are, or holds more than it should.
    if (in.pos == in_before && out.pos == out_before && out.size == into.size())
      return Corruption("the chunk has another length");
    LetRequestsPass();
  }
  if (out.pos != into.size() || in.pos != content.size())
    return Corruption("the chunk has another length");
  return {};
}

}  // namespace

class ChunkCodec::Pools {
 public:
  Pool<ZSTD_CCtx> packing;
  Pool<ZSTD_DCtx> unpacking;
};

ChunkCodec::ChunkCodec() : pools_(std::make_unique<Pools>()) {}
ChunkCodec::~ChunkCodec() = default;

std::string ChunkCodec::Encode(std::string_view bytes) {
  auto context = pools_->packing.Take(ZSTD_createCCtx);
  std::string object(1 + ZSTD_compressBound(bytes.size()), '\0');
  const size_t packed = Pack(context.get(), bytes, std::span(object).subspan(1));
  pools_->packing.Return(std::move(context));
  if (packed < bytes.size() - bytes.size() / 33) {
    object[0] = kZstd;
    object.resize(1 + packed);
  } else {
    object.assign(1, kRaw);
    object.append(bytes);
  }
  return object;
}

Result<std::string> ChunkCodec::Decode(std::string_view object, uint32_t bytes) {
  if (object.empty()) return Corruption("the chunk's object is empty");
  const std::string_view content = object.substr(1);
  if (object[0] == kRaw) {
    if (content.size() != bytes) return Corruption("the chunk has another length");
    return std::string(content);
  }
  if (object[0] != kZstd) return Corruption("the chunk has an unknown encoding");
  auto context = pools_->unpacking.Take(ZSTD_createDCtx);
  std::string out(bytes, '\0');
  const Status unpacked = Unpack(context.get(), content, out);
  pools_->unpacking.Return(std::move(context));
  TRY(unpacked);
  return out;
}

}  // namespace pannier::repository
