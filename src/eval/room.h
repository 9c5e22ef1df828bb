// Too little memory is an error before the work starts.
#pragma once

#include <cstddef>  // size_t

#include "engine/engine.h"  // Engine

namespace kvcompress {

// Throws CapacityError when the caches of a plan are more than the engine's pool may hold.
void require_room(Engine& engine, size_t planned_bytes);

}  // namespace kvcompress
