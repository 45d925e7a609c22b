// Counters, gauges and histograms in the Prometheus text format.
//
// prometheus-cpp keeps and writes them; none of its types leaves this folder. A component's metrics
// are one struct of these handles, made once from the Registry and handed in. Labels are short
// fixed sets (a route pattern, a status code), never names, ids or paths: a family has a maximum of
// label combinations, and past it everything counts as "other", so that no input can grow memory.
// Names follow Prometheus: `pannier_daemon_…`, base units, counters end in `_total`; a name that
// does not is a defect and CHECKed when the metric is made.
//
// Threads: everything here may be used from any. Lifetime: the Registry outlives the handles, and
// what collectors refer to outlives the Registry (or its last Render()).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace pannier::metrics {

class Counter {
 public:
  Counter() = default;  // counts nowhere, so that tests need no registry
  void Add(double amount = 1) const;

 private:
  template <typename, typename>
  friend class Family;
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  prometheus::Counter* counter_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  void Set(double value) const;
  void Add(double amount) const;  // may be negative

 private:
  template <typename, typename>
  friend class Family;
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  void Observe(double value) const;

 private:
  template <typename, typename>
  friend class Family;
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  prometheus::Histogram* histogram_ = nullptr;
};

// Upper bounds in seconds, 50 µs to 60 s.
const std::vector<double>& LatencyBuckets();
// Powers of two from 1 to 8,192, for batch sizes.
const std::vector<double>& SizeBuckets();

// Metrics of one name that differ in their labels. A value: copies are the same family.
template <typename Handle, typename Native>
class Family {
 public:
  Family() = default;  // its handles count nowhere
  // The one with these label values, in the order of the family's label names. Past the maximum of
  // combinations: the one whose values are all "other". Costs a lock and a look-up; what is used
  // often keeps the handle.
  Handle With(const std::vector<std::string>& values) const;

 private:
  friend class Registry;
  class State;
  std::shared_ptr<State> state_;
};

using CounterFamily = Family<Counter, prometheus::Counter>;
using GaugeFamily = Family<Gauge, prometheus::Gauge>;
using HistogramFamily = Family<Histogram, prometheus::Histogram>;

using Labels = std::vector<std::pair<std::string, std::string>>;

// What a collector says when the metrics are read. One name has one help text and one type.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Counter(std::string_view name, std::string_view help, double value,
                       const Labels& labels = {}) = 0;
  virtual void Gauge(std::string_view name, std::string_view help, double value,
                     const Labels& labels = {}) = 0;
  // All of a gauge at once, as lines of GaugeLine(): for who has thousands of which few change from
  // one time to the next. Nothing else says anything of that name.
  virtual void GaugeLines(std::string_view name, std::string_view help, std::string_view lines) = 0;
};

// One line of a gauge, with its end.
std::string GaugeLine(std::string_view name, double value, const Labels& labels);

class Registry {
 public:
  Registry();
  ~Registry();

  Counter AddCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge AddGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram AddHistogram(const std::string& name, const std::string& help,
                         const std::vector<double>& buckets, const Labels& labels = {});

  CounterFamily AddCounters(const std::string& name, const std::string& help,
                            std::vector<std::string> label_names, size_t combinations_max = 256);
  GaugeFamily AddGauges(const std::string& name, const std::string& help,
                        std::vector<std::string> label_names, size_t combinations_max = 256);
  HistogramFamily AddHistograms(const std::string& name, const std::string& help,
                                const std::vector<double>& buckets,
                                std::vector<std::string> label_names,
                                size_t combinations_max = 256);

  // Called at every Render(), for values that someone else counts already.
  void AddCollector(std::function<void(Sink&)> collector);

  // The text format, version 0.0.4; sorted by name.
  std::string Render() const;

 private:
  struct Native;
  const std::unique_ptr<Native> native_;
  mutable Mutex mutex_;
  std::vector<std::function<void(Sink&)>> collectors_ GUARDED_BY(mutex_);
};

// What Render() is to be sent as.
inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace pannier::metrics
