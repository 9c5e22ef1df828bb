// Decides when a pool's helpers do more harm than good: a neighbour that holds a helper's core makes the
// caller wait for an item that the helper claimed. Knows times only, so that its tests are tables.
#pragma once

#include <algorithm>  // std::min
#include <cstdint>    // int64_t

namespace kvcompress {

class LateGovernor {
 public:
  // A region just ended in which the caller waited `waited_ns` for helpers after its own last item; its own
  // items took `item_ns` each. Long items are waited for longer without blame.
  void record(int64_t now_ns, int64_t waited_ns, int64_t item_ns) {
    ++regions_since_change_;
    if (waited_ns <= kPatienceNs + 2 * item_ns) {
      if (regions_since_change_ >= kGoodRegions) alone_ns_ = kAloneMinNs;
      return;
    }
    ++late_regions_;
    if (late_in_window_ == 0 || regions_since_change_ > window_end_) {
      late_in_window_ = 0;
      window_end_ = regions_since_change_ + kWindow;
    }
    if (++late_in_window_ < kTolerated) return;
    alone_until_ns_ = now_ns + alone_ns_;
    alone_ns_ = std::min(2 * alone_ns_, kAloneMaxNs);
    late_in_window_ = 0;
    regions_since_change_ = 0;
  }

  // Whether a region that starts now should begin on the caller alone.
  bool alone(int64_t now_ns) const { return now_ns < alone_until_ns_; }

  int64_t late_regions() const { return late_regions_; }

 private:
  static constexpr int64_t kPatienceNs = 150'000;
  static constexpr int64_t kTolerated = 3;  // late regions within kWindow regions that change the mode
  static constexpr int64_t kWindow = 64;
  static constexpr int64_t kGoodRegions =
      1024;  // so many together without a change of mode: the neighbour left
  static constexpr int64_t kAloneMinNs = 50'000'000;
  static constexpr int64_t kAloneMaxNs = 1'000'000'000;

  int64_t late_regions_ = 0;
  int64_t late_in_window_ = 0;
  int64_t window_end_ = 0;            // in regions since the last change of mode
  int64_t regions_since_change_ = 0;  // run together
  int64_t alone_ns_ = kAloneMinNs;    // how long the next time alone lasts
  int64_t alone_until_ns_ = 0;
};

}  // namespace kvcompress
