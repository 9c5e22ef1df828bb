// Results as one HTML file that needs no network.
#pragma once

#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "eval/report/summary.h"  // SummaryRow

namespace kvcompress {

// Parts of the page that the build embedded (cmake/report_embed.cmake).
struct PageParts {
  std::string_view style, script;          // of the report
  std::string_view library, library_name;  // the plotting library
  std::string_view library_licence;
};
const PageParts& page_parts();

std::string results_page(const std::vector<SummaryRow>& rows, const std::string& title);

// What the page's script draws from.
Json page_data(const std::vector<SummaryRow>& rows, const std::string& title);

}  // namespace kvcompress
