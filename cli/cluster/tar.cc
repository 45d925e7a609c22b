#include "cli/cluster/tar.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace pannier::cluster {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kPathMax = 100;
constexpr size_t kChecksumAt = 148;

// A number as the format has it: octal digits and a closing NUL.
void PutOctal(std::string* header, size_t at, size_t width, uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "%0*llo", static_cast<int>(width - 1),
                static_cast<unsigned long long>(number));
  header->replace(at, width - 1, text, width - 1);
}

void Put(std::string* header, size_t at, std::string_view text) {
  header->replace(at, text.size(), text);
}

std::string HeaderOf(std::string_view path, uint64_t size, uint64_t seconds) {
  std::string header(kBlock, '\0');
  Put(&header, 0, path);
  PutOctal(&header, 100, 8, 0600);
  PutOctal(&header, 108, 8, 0);  // owner
  PutOctal(&header, 116, 8, 0);  // group
  PutOctal(&header, 124, 12, size);
  PutOctal(&header, 136, 12, seconds);
  Put(&header, 156, "0");  // a plain file
  Put(&header, 257, "ustar");
  Put(&header, 263, "00");
  // Over the header with blanks in the place of the sum itself.
  Put(&header, kChecksumAt, "        ");
  uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  PutOctal(&header, kChecksumAt, 7, sum);
  header[kChecksumAt + 6] = '\0';
  return header;
}

}  // namespace

Status Tar::Add(std::string_view path, std::string_view bytes) {
  if (path.empty() || path.size() > kPathMax) {
    return InvalidArgument("\"" + std::string(path) + "\" cannot be a path in a tar file");
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time_.time_since_epoch()).count();
  bytes_ += HeaderOf(path, bytes.size(), static_cast<uint64_t>(std::max<int64_t>(0, seconds)));
  bytes_ += bytes;
  bytes_.append((kBlock - bytes.size() % kBlock) % kBlock, '\0');
  return {};
}

std::string Tar::Take() {
  bytes_.append(2 * kBlock, '\0');
  return std::move(bytes_);
}

}  // namespace pannier::cluster
