// Pages in a headless Chromium.
#pragma once

#include <string>  // std::string

namespace kvcompress::test {

// $KVC_BROWSER, or the first of chromium-headless-shell, chromium and google-chrome; empty: none.
std::string browser_path();

struct RenderedPage {
  std::string document;  // as the scripts left it
  std::string console;   // what the page wrote there, its errors among it
};

// folder: for the browser's own files. dark: the colour scheme that the page is asked for.
RenderedPage render(const std::string& file, int width, bool dark, const std::string& folder);

}  // namespace kvcompress::test
