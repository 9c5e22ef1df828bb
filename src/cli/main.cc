#include "cli/application.h"  // run_application

int main(int argc, char** argv) { return kvcompress::run_application(argc, argv); }
