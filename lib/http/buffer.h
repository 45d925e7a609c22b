// The bytes a connection has received and not yet used, with kBodyPadding readable bytes behind.
// A large one comes from and goes back to the system, so that it costs nothing once it is freed.
// Threads: a value; one at a time.
#pragma once

#include <cstddef>
#include <string_view>

namespace pannier::http {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  char* data() { return data_; }
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }  // without the padding
  size_t room() const { return capacity_ - size_; }
  std::string_view view() const { return {data_, size_}; }

  // Makes the capacity at least `capacity`; moves the bytes, so views of them end.
  void Reserve(size_t capacity);
  // `bytes` were written at end() (they fit into room()).
  char* end() { return data_ + size_; }
  void Extend(size_t bytes) { size_ += bytes; }
  void Append(std::string_view bytes);
  // Forgets `bytes` from `at` on; what is behind moves down.
  void Remove(size_t at, size_t bytes);
  void DropFront(size_t bytes) { Remove(0, bytes); }
  void Clear() { size_ = 0; }
  void Free();

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace pannier::http
