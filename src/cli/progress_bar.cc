#include "cli/progress_bar.h"

#include <fmt/format.h>  // fmt::format
#include <sys/ioctl.h>   // ioctl, TIOCGWINSZ
#include <unistd.h>      // STDERR_FILENO

#include <algorithm>  // std::clamp
#include <utility>    // std::move

#include "base/text.h"    // format_count, format_duration
#include "cli/console.h"  // write_message

namespace kvcompress {
namespace {

constexpr double kDrawInterval = 0.1;  // seconds

int terminal_columns() {
  winsize size = {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string progress_line(const std::string& label, const std::string& unit, int64_t done, int64_t total,
                          double seconds, int columns) {
  std::string facts = fmt::format("{} of {} {}", format_count(done), format_count(total), unit);
  if (done > 0 && seconds > 0) {
    const double rate = static_cast<double>(done) / seconds;
    facts += fmt::format(" | {:.1f} {}/s | {} left", rate, unit,
                         format_duration(static_cast<double>(total - done) / rate));
  }
  const int room = columns - static_cast<int>(label.size() + facts.size()) - 6;
  if (room < 8 || total <= 0)
    return (label + " " + facts).substr(0, static_cast<size_t>(std::max(columns - 1, 0)));
  const int width = std::min(room, 40);
  const auto filled = static_cast<int>(std::clamp<int64_t>(width * done / total, 0, width));
  return fmt::format("{} [{}{}] {}", label, std::string(static_cast<size_t>(filled), '#'),
                     std::string(static_cast<size_t>(width - filled), '-'), facts);
}

ProgressBar::ProgressBar(std::string label, std::string unit, bool shown)
    : label_(std::move(label)), unit_(std::move(unit)), shown_(shown) {}

void ProgressBar::update(int64_t done, int64_t total) {
  if (!shown_ || timer_.seconds() < next_draw_) return;
  next_draw_ = timer_.seconds() + kDrawInterval;
  drawn_ = true;
  // \r: to the line's start; \x1b[K: clears what is right of the text.
  write_message("\r" + progress_line(label_, unit_, done, total, timer_.seconds(), terminal_columns()) +
                "\x1b[K");
}

void ProgressBar::clear() {
  if (drawn_) write_message("\r\x1b[K");
  drawn_ = false;
}

}  // namespace kvcompress
