#pragma once

#include <cstddef>  // size_t
#include <string>

namespace kvcompress {

// Bytes this process can still take without swapping or being killed: what the kernel says is available, or
// what the control group (version 1 or 2, any level above the process) leaves, whichever is less. `root` is
// where /proc and /sys are looked for. IoError when the kernel does not say.
size_t available_memory(const std::string& root = "");

}  // namespace kvcompress
