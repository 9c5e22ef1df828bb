// A pool of exact pages with a form and a memory of its own.
#pragma once

#include <memory>  // std::unique_ptr

#include "cache/page_pool.h"  // PagePool
#include "codec/page_form.h"  // make_f16_form

namespace kvcompress {

struct TestPoolParts {
  TestPoolParts(int head_dim, size_t limit_bytes)
      : own_form(make_f16_form(head_dim)), own_memory(limit_bytes) {}
  std::unique_ptr<PageForm> own_form;
  CacheMemory own_memory;
};

// The parts are made before the pool that counts into them, and go after it.
class TestPool : private TestPoolParts, public PagePool {
 public:
  explicit TestPool(int head_dim, PoolOptions options = {}, size_t limit_bytes = 0)
      : TestPoolParts(head_dim, limit_bytes),
        PagePool(own_form->payload_bytes(), head_dim, options, &own_memory) {}

  const PageForm& form() const { return *own_form; }
  MemoryUsage usage() const { return memory().usage(); }
  void reset_peak() { memory().reset_peak(); }
};

}  // namespace kvcompress
