#include "operator/resource/meta.h"

#include <algorithm>

namespace pannier::control {
namespace {

constexpr const char* kOps[] = {"In", "NotIn", "Exists", "DoesNotExist"};

}  // namespace

void OwnerReference::Fields(Visitor& v) {
  v.Text({.name = "apiVersion"}, &api_version);
  v.Text({.name = "kind"}, &kind);
  v.Text({.name = "name"}, &name);
  v.Text({.name = "uid"}, &uid);
  v.Flag({.name = "controller"}, &controller);
}

void Meta::Fields(Visitor& v) {
  v.Text({.name = "name"}, &name);
  v.Text({.name = "namespace"}, &name_space);
  v.Text({.name = "uid"}, &uid);
  v.Text({.name = "resourceVersion"}, &resource_version);
  v.Number({.name = "generation"}, &generation);
  v.Time({.name = "creationTimestamp"}, &created);
  v.Time({.name = "deletionTimestamp"}, &deleted);
  v.Map({.name = "labels", .items_max = 1000}, &labels);
  v.Map({.name = "annotations", .items_max = 1000}, &annotations);
  v.Texts({.name = "finalizers", .items_max = 1000}, &finalizers);
  v.List({.name = "ownerReferences", .items_max = 1000}, &owners);
}

bool Meta::HasFinalizer(const std::string& finalizer) const {
  return std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
}

std::string Meta::Label(const std::string& key) const {
  const auto found = labels.find(key);
  return found == labels.end() ? "" : found->second;
}

std::string Meta::Annotation(const std::string& key) const {
  const auto found = annotations.find(key);
  return found == annotations.end() ? "" : found->second;
}

Meta ReadMeta(const nlohmann::json& object) {
  const auto found = object.find("metadata");
  if (found == object.end()) return {};
  return ReadFields<Meta>(*found, "metadata", Reader::Mode::kLenient).value();
}

bool LabelSelector::Expression::Matches(const std::map<std::string, std::string>& labels) const {
  const auto found = labels.find(key);
  const bool exists = found != labels.end();
  const bool is_in =
      exists && std::find(values.begin(), values.end(), found->second) != values.end();
  switch (op) {
    case Op::kIn:
      return is_in;
    case Op::kNotIn:
      return !is_in;
    case Op::kExists:
      return exists;
    case Op::kDoesNotExist:
      break;
  }
  return !exists;
}

void LabelSelector::Expression::Fields(Visitor& v) {
  v.Text({.name = "key", .help = "Key of the label.", .required = true, .length_max = 316}, &key);
  v.Choice({.name = "operator", .help = "How the label is compared.", .required = true}, &op, kOps);
  v.Texts({.name = "values", .help = "Values to compare with.", .length_max = 63}, &values);
}

bool LabelSelector::Matches(const std::map<std::string, std::string>& labels) const {
  const bool all_labels =
      std::all_of(match_labels.begin(), match_labels.end(), [&](const auto& wanted) {
        const auto found = labels.find(wanted.first);
        return found != labels.end() && found->second == wanted.second;
      });
  return all_labels && std::all_of(match_expressions.begin(), match_expressions.end(),
                                   [&](const Expression& each) { return each.Matches(labels); });
}

void LabelSelector::Fields(Visitor& v) {
  v.Map({.name = "matchLabels",
         .help = "Labels that must be there with these values.",
         .length_max = 63},
        &match_labels);
  v.List({.name = "matchExpressions", .help = "Further demands on labels."}, &match_expressions);
}

void Reference::Fields(Visitor& v) {
  v.Text({.name = "name",
          .help = "Name of the object, in the same namespace.",
          .required = true,
          .length_min = 1},
         &name);
}

}  // namespace pannier::control
