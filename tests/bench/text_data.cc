#include "tests/bench/text_data.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <limits>

#include "tests/bench/connection.h"

namespace pannier::bench {
namespace {

// Whole rows, at most `rows` of them.
Vector ReadFloats(const std::string& path, size_t rows, size_t dimension) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto bytes = static_cast<size_t>(std::max<std::streamoff>(file.tellg(), 0));
  const size_t found = bytes / sizeof(float) / dimension;
  Vector floats(std::min(rows, found) * dimension);
  file.seekg(0);
  file.read(reinterpret_cast<char*>(floats.data()),
            static_cast<std::streamsize>(floats.size() * sizeof(float)));
  if (!file || floats.empty()) Fail("cannot read " + path);
  return floats;
}

}  // namespace

TextData::TextData(const std::string& folder, uint32_t records, uint32_t dimension)
    : dimension_(dimension),
      vectors_(ReadFloats(folder + "/vectors.f32", records, dimension)),
      queries_(
          ReadFloats(folder + "/queries.f32", std::numeric_limits<uint32_t>::max(), dimension)) {
  std::ifstream lines(folder + "/records.jsonl");
  std::string line;
  while (documents_.size() < records && std::getline(lines, line)) {
    const size_t tab = line.find('\t');
    documents_.push_back(line.substr(0, tab));
    metadatas_.push_back(line.substr(tab + 1));
  }
  if (documents_.size() < records || vectors_.size() < size_t{records} * dimension) {
    Fail(folder + " has " + std::to_string(documents_.size()) + " records only");
  }
}

Vector TextData::Row(const Vector& rows, uint64_t row) const {
  const auto begin =
      rows.begin() + static_cast<std::ptrdiff_t>(row % (rows.size() / dimension_) * dimension_);
  return {begin, begin + dimension_};
}

}  // namespace pannier::bench
