#include "lib/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>

#include "lib/core/check.h"

namespace pannier::metrics {
namespace {

using NativeLabels = std::map<std::string, std::string>;

bool IsName(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(), fits);
}

// What promtool would complain about, found when the metric is made rather than when it is read.
void CheckName(std::string_view name, std::string_view help, bool is_counter) {
  CHECK(IsName(name));
  CHECK(!help.empty());
  // The library writes help texts as they are, so what would need escaping has no place in them.
  CHECK(help.find_first_of("\\\n") == std::string_view::npos);
  CHECK(name.ends_with("_total") == is_counter);
}

// Gathers what collectors say into families, one per name.
class GatheringSink final : public Sink {
 public:
  void Counter(std::string_view name, std::string_view help, double value,
               const Labels& labels) override {
    CheckName(name, help, true);
    AddSample(name, help, prometheus::MetricType::Counter, labels).counter.value = value;
  }
  void Gauge(std::string_view name, std::string_view help, double value,
             const Labels& labels) override {
    CheckName(name, help, false);
    AddSample(name, help, prometheus::MetricType::Gauge, labels).gauge.value = value;
  }

  void GaugeLines(std::string_view name, std::string_view help, std::string_view lines) override {
    CheckName(name, help, false);
    if (lines.empty()) return;
    const std::string key(name);
    CHECK(!families.contains(key) && !ready.contains(key));
    std::string& text = ready[key];
    text.append("# HELP ").append(key).append(" ").append(help);
    text.append("\n# TYPE ").append(key).append(" gauge\n").append(lines);
  }

  std::map<std::string, prometheus::MetricFamily> families;
  std::map<std::string, std::string> ready;  // families as they are written

 private:
  prometheus::ClientMetric& AddSample(std::string_view name, std::string_view help,
                                      prometheus::MetricType type, const Labels& labels) {
    prometheus::MetricFamily& family = families[std::string(name)];
    if (family.name.empty()) {
      family.name = name;
      family.help = help;
      family.type = type;
    }
    CHECK(family.type == type && !ready.contains(family.name));
    prometheus::ClientMetric& sample = family.metric.emplace_back();
    for (const auto& [label, value] : labels) sample.label.push_back({label, value});
    return sample;
  }
};

void AppendEscaped(std::string_view value, std::string* text) {
  for (const char c : value) {
    if (c == '\n') {
      text->append("\\n");
      continue;
    }
    if (c == '\\' || c == '"') text->push_back('\\');
    text->push_back(c);
  }
}

// Whole numbers, which most are, without an exponent.
void AppendNumber(double value, std::string* text) {
  constexpr double kExact = 1ll << 53;
  char digits[32];
  const bool is_whole = value >= -kExact && value <= kExact && value == std::trunc(value);
  const auto end = is_whole
                       ? std::to_chars(digits, std::end(digits), static_cast<int64_t>(value)).ptr
                       : std::to_chars(digits, std::end(digits), value).ptr;
  text->append(digits, end);
}

}  // namespace

std::string GaugeLine(std::string_view name, double value, const Labels& labels) {
  CHECK(std::isfinite(value));
  std::string line(name);
  char before = '{';
  for (const auto& [label, of_it] : labels) {
    line.push_back(before);
    line.append(label).append("=\"");
    AppendEscaped(of_it, &line);
    line.push_back('"');
    before = ',';
  }
  line.append(labels.empty() ? " " : "} ");
  AppendNumber(value, &line);
  line.push_back('\n');
  return line;
}

void Counter::Add(double amount) const {
  if (counter_ != nullptr) counter_->Increment(amount);
}
void Gauge::Set(double value) const {
  if (gauge_ != nullptr) gauge_->Set(value);
}
void Gauge::Add(double amount) const {
  if (gauge_ != nullptr) gauge_->Increment(amount);
}
void Histogram::Observe(double value) const {
  if (histogram_ != nullptr) histogram_->Observe(value);
}

const std::vector<double>& LatencyBuckets() {
  static const std::vector<double> buckets{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                           0.01,    0.025,  0.05,    0.1,    0.25,  0.5,    1,
                                           2.5,     5,      10,      30,     60};
  return buckets;
}

const std::vector<double>& SizeBuckets() {
  static const std::vector<double> buckets{1,   2,   4,   8,    16,   32,   64,
                                           128, 256, 512, 1024, 2048, 4096, 8192};
  return buckets;
}

// The library's family, and the handles given out. Adding a metric of known labels gives the same
// one, but only the map here knows how many there are.
template <typename Handle, typename Native>
class Family<Handle, Native>::State {
 public:
  using Make = std::function<Native&(const NativeLabels&)>;
  State(std::vector<std::string> label_names, size_t combinations_max, Make make)
      : label_names_(std::move(label_names)),
        combinations_max_(combinations_max),
        make_(std::move(make)) {
    for (const std::string& name : label_names_) CHECK(IsName(name));
  }

  Native* With(const std::vector<std::string>& values) EXCLUDES(mutex_) {
    CHECK(values.size() == label_names_.size());
    MutexLock lock(mutex_);
    const auto found = known_.find(values);
    if (found != known_.end()) return found->second;
    if (known_.size() < combinations_max_) return MakeOne(values);
    const std::vector<std::string> other(label_names_.size(), "other");
    const auto overflow = known_.find(other);
    return overflow != known_.end() ? overflow->second : MakeOne(other);
  }

 private:
  Native* MakeOne(const std::vector<std::string>& values) REQUIRES(mutex_) {
    NativeLabels labels;
    for (size_t i = 0; i < values.size(); ++i) labels.emplace(label_names_[i], values[i]);
    return known_[values] = &make_(labels);
  }

  const std::vector<std::string> label_names_;
  const size_t combinations_max_;
  const Make make_;
  Mutex mutex_;
  std::map<std::vector<std::string>, Native*> known_ GUARDED_BY(mutex_);
};

template <typename Handle, typename Native>
Handle Family<Handle, Native>::With(const std::vector<std::string>& values) const {
  return state_ ? Handle(state_->With(values)) : Handle();
}
template class Family<Counter, prometheus::Counter>;
template class Family<Gauge, prometheus::Gauge>;
template class Family<Histogram, prometheus::Histogram>;

struct Registry::Native {
  prometheus::Registry registry;
};

Registry::Registry() : native_(std::make_unique<Native>()) {}
Registry::~Registry() = default;

namespace {
std::vector<std::string> NamesOf(const Labels& labels) {
  std::vector<std::string> names;
  for (const auto& label : labels) names.push_back(label.first);
  return names;
}
std::vector<std::string> ValuesOf(const Labels& labels) {
  std::vector<std::string> values;
  for (const auto& label : labels) values.push_back(label.second);
  return values;
}
}  // namespace

Counter Registry::AddCounter(const std::string& name, const std::string& help,
                             const Labels& labels) {
  return AddCounters(name, help, NamesOf(labels)).With(ValuesOf(labels));
}
Gauge Registry::AddGauge(const std::string& name, const std::string& help, const Labels& labels) {
  return AddGauges(name, help, NamesOf(labels)).With(ValuesOf(labels));
}
Histogram Registry::AddHistogram(const std::string& name, const std::string& help,
                                 const std::vector<double>& buckets, const Labels& labels) {
  return AddHistograms(name, help, buckets, NamesOf(labels)).With(ValuesOf(labels));
}

CounterFamily Registry::AddCounters(const std::string& name, const std::string& help,
                                    std::vector<std::string> label_names, size_t combinations_max) {
  CheckName(name, help, true);
  auto& native = prometheus::BuildCounter().Name(name).Help(help).Register(native_->registry);
  CounterFamily family;
  family.state_ = std::make_shared<CounterFamily::State>(
      std::move(label_names), combinations_max,
      [&native](const NativeLabels& labels) -> prometheus::Counter& { return native.Add(labels); });
  return family;
}

GaugeFamily Registry::AddGauges(const std::string& name, const std::string& help,
                                std::vector<std::string> label_names, size_t combinations_max) {
  CheckName(name, help, false);
  auto& native = prometheus::BuildGauge().Name(name).Help(help).Register(native_->registry);
  GaugeFamily family;
  family.state_ = std::make_shared<GaugeFamily::State>(
      std::move(label_names), combinations_max,
      [&native](const NativeLabels& labels) -> prometheus::Gauge& { return native.Add(labels); });
  return family;
}

HistogramFamily Registry::AddHistograms(const std::string& name, const std::string& help,
                                        const std::vector<double>& buckets,
                                        std::vector<std::string> label_names,
                                        size_t combinations_max) {
  CheckName(name, help, false);
  auto& native = prometheus::BuildHistogram().Name(name).Help(help).Register(native_->registry);
  HistogramFamily family;
  family.state_ = std::make_shared<HistogramFamily::State>(
      std::move(label_names), combinations_max,
      [&native, buckets](const NativeLabels& labels) -> prometheus::Histogram& {
        return native.Add(labels, buckets);
      });
  return family;
}

void Registry::AddCollector(std::function<void(Sink&)> collector) {
  MutexLock lock(mutex_);
  collectors_.push_back(std::move(collector));
}

std::string Registry::Render() const {
  std::vector<std::function<void(Sink&)>> collectors;
  {
    MutexLock lock(mutex_);
    collectors = collectors_;  // they may take locks of their own, so they run without ours
  }
  GatheringSink sink;
  for (const auto& collect : collectors) collect(sink);
  for (prometheus::MetricFamily& family : native_->registry.Collect()) {
    CHECK(!sink.families.contains(family.name) && !sink.ready.contains(family.name));
    sink.families[family.name] = std::move(family);
  }
  std::ostringstream out;
  auto ready = sink.ready.begin();
  for (auto& [name, family] : sink.families) {
    for (; ready != sink.ready.end() && ready->first < name; ++ready) out << ready->second;
    prometheus::TextSerializer().Serialize(out, {std::move(family)});
  }
  for (; ready != sink.ready.end(); ++ready) out << ready->second;
  return std::move(out).str();
}

}  // namespace pannier::metrics
