// What an engine's options come to for a model.
#pragma once

#include <cstddef>  // size_t

#include "engine/engine.h"       // EngineOptions
#include "model/architecture.h"  // ModelConfig

namespace kvcompress {

EngineOptions checked(const EngineOptions& options);  // UsageError for a value out of its range
// Positions that a sequence may have; UsageError beyond what the model was trained for, unless extended.
int checked_context(const ModelConfig& config, const EngineOptions& options);
size_t cache_limit(const EngineOptions& options);

}  // namespace kvcompress
