// Prints docs/methods.md.
#include <iostream>  // std::cout

#include "policy/methods.h"  // methods_markdown

int main() {
  std::cout << kvcompress::methods_markdown();
  return std::cout.flush() ? 0 : 1;
}
