// The x86 intrinsics, without the warnings that g++ 12 gives about its own header: _mm512_undefined_ps() and
// its kin are written as a variable initialised with itself.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
