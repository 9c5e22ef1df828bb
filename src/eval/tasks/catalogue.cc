#include "eval/tasks/catalogue.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include "base/nearest_name.h"  // nearest_name

namespace kvcompress {
namespace {

const std::vector<const Task*>& all_tasks() {
  static const std::vector<const Task*> tasks = {&passkey_task(),    &needle_task(),      &ruler_task(),
                                                 &longeval_task(),   &babilong_task(),    &icl_task(),
                                                 &multi_news_task(), &kv_retrieval_task()};
  return tasks;
}

}  // namespace

const Task& find_task(std::string_view name) {
  for (const Task* task : all_tasks()) {
    if (task->name() == name) return *task;
  }
  const auto names = task_names();
  throw UsageError(fmt::format("[task] expected an evaluation task, got \"{}\"; did you mean \"{}\"?", name,
                               nearest_name(name, names)));
}

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const Task* task : all_tasks()) names.emplace_back(task->name());
  return names;
}

}  // namespace kvcompress
