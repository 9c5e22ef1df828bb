// Results as a page of Markdown tables.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "eval/report/summary.h"  // SummaryRow

namespace kvcompress {

// command: what makes the page again, for its first lines.
std::string results_markdown(const std::vector<SummaryRow>& rows, const std::string& command);

}  // namespace kvcompress
