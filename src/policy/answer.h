// What the answers to all stages have in common: a list of parameters and a check of them together.
#pragma once

#include <string>  // std::string

#include "policy/parameters.h"  // ParameterVisitor

namespace kvcompress {

class Answer {
 public:
  virtual ~Answer() = default;
  virtual void visit(ParameterVisitor&) {}
  // What no single range can say, as "kernel: expected an odd number, got 4"; empty: nothing is wrong.
  virtual std::string problem() const { return {}; }
  // The kind of calibration (policy/calibration.h) without which this cannot work; empty: none.
  virtual std::string calibration_kind() const { return {}; }
};

// An answer that is only a name: the engine knows what it means (f16), or there is nothing to do (none, all).
class PlainAnswer final : public Answer {};

}  // namespace kvcompress
