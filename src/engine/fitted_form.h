// A packed form that was fitted to one head of a sequence; its maps count as cache as long as it lives.
#pragma once

#include <memory>   // std::unique_ptr
#include <utility>  // std::move

#include "cache/cache_memory.h"              // CacheMemory
#include "codec/projected/projected_form.h"  // ProjectedForm

namespace kvcompress {

class FittedForm {
 public:
  // Throws CapacityError when the maps do not fit the memory, which outlives this.
  FittedForm(std::unique_ptr<ProjectedForm> form, CacheMemory& memory)
      : form_(std::move(form)), memory_(memory) {
    memory_.take(bytes(), /*pages=*/0);
  }
  ~FittedForm() { memory_.give_back(bytes(), 0); }
  FittedForm(const FittedForm&) = delete;
  FittedForm& operator=(const FittedForm&) = delete;

  const ProjectedForm& form() const { return *form_; }
  size_t bytes() const { return form_->map_bytes(); }

 private:
  std::unique_ptr<ProjectedForm> form_;
  CacheMemory& memory_;
};

}  // namespace kvcompress
