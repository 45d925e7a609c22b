// Owns one file descriptor: closed when this goes away. Threads: a value; the number may be shared.
#pragma once

#include <unistd.h>

#include <utility>

namespace pannier::file {

class Descriptor {
 public:
  Descriptor() = default;
  // Takes over `number`; negative means none (as failed calls return it).
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Descriptor() { Close(); }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  void Close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  int number_ = -1;
};

}  // namespace pannier::file
