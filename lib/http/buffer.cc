#include "lib/http/buffer.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "lib/core/check.h"
#include "lib/http/message.h"

namespace pannier::http {

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    Free();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

Buffer::~Buffer() { Free(); }

void Buffer::Reserve(size_t capacity) {
  if (capacity <= capacity_) return;
  // realloc, because it moves pages instead of bytes once they are many.
  char* const grown = static_cast<char*>(std::realloc(data_, capacity + kBodyPadding));
  CHECK(grown != nullptr);
  std::memset(grown + capacity, 0, kBodyPadding);
  data_ = grown;
  capacity_ = capacity;
}

void Buffer::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (bytes.size() > room()) Reserve(size_ + bytes.size());
  std::memcpy(end(), bytes.data(), bytes.size());
  size_ += bytes.size();
}

void Buffer::Remove(size_t at, size_t bytes) {
  CHECK(at <= size_ && bytes <= size_ - at);
  if (bytes == 0) return;
  size_ -= bytes;
  if (size_ > at) std::memmove(data_ + at, data_ + at + bytes, size_ - at);
}

void Buffer::Free() {
  std::free(data_);
  data_ = nullptr;
  size_ = capacity_ = 0;
}

}  // namespace pannier::http
