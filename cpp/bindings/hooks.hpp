// What training asks and calls in Python: Ctrl-C, a stop, mini-batches' ends, other ranks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

#include "bindings.hpp"
#include "nncore/collective.hpp"

namespace nncore::python {

// Looks for Ctrl-C now and then; a look costs a wait for the GIL.
class SignalCheck {
 public:
  bool operator()(GilReleased& released) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return false;
    next_ = now + std::chrono::milliseconds(25);
    released.interrupt([this] { raised_ = PyErr_CheckSignals() != 0; });
    return raised_;
  }
  bool raised() const { return raised_; }

 private:
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
  bool raised_ = false;
};

// Ends epochs from another thread, which need not wait for the GIL to be heard.
class StopFlag : public ZeroedMemory {
 public:
  void set() noexcept { set_.store(true, std::memory_order_relaxed); }
  bool is_set() const noexcept { return set_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> set_ = false;
};

// Calls a Python function with the number, summed cost and weight of every `stride`th mini-batch.
// It returns the learning rate from there on, or None to stop.
class BatchHook {
 public:
  BatchHook(const py::object& function, std::uint64_t stride, double learning_rate)
      : function_(function.is_none() ? nullptr : function.ptr()),
        stride_(stride),
        learning_rate_(learning_rate) {
    if (stride < 1) throw py::value_error("batch_stride is 0; expected 1 or more");
  }
  explicit operator bool() const { return function_ != nullptr; }
  bool stops() const { return stops_; }
  bool raised() const { return raised_; }

  // Nothing is called after an epoch's last mini-batch: what was raised or stopped there would not
  // find the epoch unfinished.
  void set_mini_batches(std::uint64_t count) { mini_batches_ = count; }

  void attach(EpochOptions& options, GilReleased& released) {
    options.batch_learning_rate = [this](std::uint64_t) { return learning_rate_; };
    auto also = std::move(options.after_mini_batch);
    options.after_mini_batch = [this, also, &released](const MiniBatchCost& cost) {
      if (also) also(cost);
      const std::uint64_t done = cost.number + 1;
      if (stops_ || done % stride_ != 0 || done >= mini_batches_) return;
      released.interrupt([&] { call(cost); });
    };
  }

 private:
  void call(const MiniBatchCost& cost) {
    PyObject* const answer =
        PyObject_CallFunction(function_, "Kdd", static_cast<unsigned long long>(cost.number),
                              cost.cost + cost.weight * cost.penalty, cost.weight);
    if (answer && answer != Py_None) {
      learning_rate_ = PyFloat_AsDouble(answer);
      raised_ = PyErr_Occurred() != nullptr;
    }
    raised_ = raised_ || !answer;
    stops_ = raised_ || answer == Py_None;
    Py_XDECREF(answer);
  }

  PyObject* function_;  // which the caller holds
  std::uint64_t stride_, mini_batches_ = 0;
  double learning_rate_;
  bool stops_ = false, raised_ = false;
};

// The ranks that `object` knows: its rank, ranks, all_to_all and all_gather, the functions taking
// the memory to send and that to receive, as bytes.
class PyCollective {
 public:
  explicit PyCollective(const py::object& object) {
    if (object.is_none()) return;
    collective_.rank = object.attr("rank").cast<std::size_t>();
    collective_.ranks = object.attr("ranks").cast<std::size_t>();
    collective_.all_to_all = calling(all_to_all_ = object.attr("all_to_all"), collective_.ranks);
    collective_.all_gather = calling(all_gather_ = object.attr("all_gather"), 1);
  }
  const Collective* get() const { return all_gather_ ? &collective_ : nullptr; }

 private:
  // Sends so many blocks.
  Callback<void(const void*, void*, std::size_t)> calling(const py::object& function,
                                                          std::size_t sent) const {
    return [held = function.ptr(), sent, ranks = collective_.ranks](const void* send, void* receive,
                                                                    std::size_t bytes) {
      const GilTaken gil;
      const py::error_scope raised_before;  // by a signal or the hook; the epoch goes on to a stop
      const py::handle called(held);
      called(py::memoryview::from_memory(send, py::ssize_t(bytes * sent)),
             py::memoryview::from_memory(receive, py::ssize_t(bytes * ranks)));
    };
  }

  Collective collective_;
  py::object all_to_all_, all_gather_;
};

}  // namespace nncore::python
