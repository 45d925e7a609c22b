// Paths and queries of the API. Names come from objects that users wrote: what is no name of an
// object is refused here, since an empty one would turn a deletion into that of all.
// Threads: pure functions; a Query is a value.
#pragma once

#include <string>
#include <string_view>

#include "lib/core/result.h"
#include "operator/kube/object.h"

namespace pannier::kube {

// "/apis/pannier.dev/v1alpha1/namespaces/a/vectorstores/b"
//   kInvalidArgument  the name is empty or no name, or the namespace is missing
Result<std::string> PathOf(const Resource& resource, const ObjectKey& key);
// Of all objects in a namespace, or in all ("").
//   kInvalidArgument  the namespace is no name
Result<std::string> CollectionPathOf(const Resource& resource, const std::string& ns);

// "?limit=500&labelSelector=a%3Db"; "" without parameters.
class Query {
 public:
  // Nothing when the value is empty.
  void Add(std::string_view name, std::string_view value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace pannier::kube
