// Continuous batching: each step takes a chunk of every prompt being read and a token of every answer being
// written.
#pragma once

#include <atomic>  // std::atomic
#include <map>     // std::map
#include <memory>  // std::unique_ptr
#include <vector>  // std::vector

#include "cache/page_pool.h"        // PagePool
#include "engine/active_request.h"  // ActiveRequest
#include "engine/compressor.h"      // Compressor
#include "engine/forward.h"         // Forward

namespace kvcompress {

class Scheduler {
 public:
  // chunk: prompt tokens of one sequence in one step.
  Scheduler(Forward& forward, Compressor& compressor, PagePool& pages, int chunk, int vocabulary);

  RequestId add(std::unique_ptr<ActiveRequest> request);
  ActiveRequest& at(RequestId id);  // UsageError when there is none of that id
  void remove(RequestId id) { requests_.erase(id); }
  bool idle() const;  // no request has work left
  // One step over all requests with work; false when there is none.
  bool step(const std::atomic<bool>& stop);

 private:
  void choose();
  void after_forward(ActiveRequest& request);
  void sample();
  void note_bytes(ActiveRequest& request);

  Forward& forward_;
  Compressor& compressor_;
  PagePool& pages_;
  int chunk_, vocabulary_;
  RequestId next_id_ = 0;
  std::map<RequestId, std::unique_ptr<ActiveRequest>> requests_;
  // The step being made: requests that read, then requests that write, in the order of their segments.
  std::vector<ActiveRequest*> readers_, writers_;
  std::vector<Segment> prefill_, decode_;
  std::vector<float> logits_;
};

}  // namespace kvcompress
