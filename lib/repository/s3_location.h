// Where the objects of a bucket are: URLs by path (https://host/bucket/key) or by virtual host
// (https://bucket.host/key). Threads: a value.
#pragma once

#include <string>

#include "lib/core/result.h"
#include "lib/repository/sigv4.h"

namespace pannier::repository {

// kAuto: virtual at AWS, where names with dots do not break certificates; by path elsewhere.
enum class Addressing { kAuto, kPath, kVirtual };

class S3Location {
 public:
  // `endpoint`: "https://s3.example.com[:port]", or "" for AWS's of the region.
  //   kInvalidArgument  not a bucket's name, an endpoint, a prefix, or a region
  static Result<S3Location> Make(std::string bucket, std::string prefix, std::string endpoint,
                                 const std::string& region, Addressing addressing);

  // Of an object, "" for the bucket: the decoded path, and the URL with an (encoded) query.
  std::string PathOf(const std::string& key) const;
  std::string UrlOf(const std::string& key, const std::string& query) const;
  const std::string& host() const { return host_; }      // as the Host header says it
  const std::string& prefix() const { return prefix_; }  // "" or with a '/' at its end
  std::string Describe() const;                          // "s3://bucket/prefix"

 private:
  std::string bucket_, prefix_, scheme_, host_;
  bool in_path_ = true;
};

}  // namespace pannier::repository
