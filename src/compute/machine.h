// What this machine can do at best, measured on the spot: the yardstick of every speed we report. Each
// measurement takes some tenths of a second and returns the best of several rounds, since other work only
// ever slows one down.
#pragma once

#include <string>  // std::string

namespace kvcompress {

// Bytes per second that `threads` threads read together from a block of 1 GiB (huge pages where the system
// has them).
double read_bandwidth(int threads);

// Operations per second (a multiply-add counts as two) of `threads` threads in registers, with the active
// instruction set. Without BF16 dot products the first is the same as the second.
double peak_bf16_flops(int threads);
double peak_f32_flops(int threads);

// As the processor names itself, or "unknown".
std::string cpu_name();

}  // namespace kvcompress
