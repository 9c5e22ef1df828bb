// The program: command line in, exit code out.
#pragma once

namespace kvcompress {

// Never throws. Every failure is one line on standard error and the exit code of interface: 1 the work
// failed, 2 the call was wrong, 3 a gate did not hold.
int run_application(int argc, char** argv);

}  // namespace kvcompress
