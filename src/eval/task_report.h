// Results of a task as the `eval` object of interface and as a table for people.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "eval/receipt_json.h"  // Json
#include "eval/task_runner.h"   // TaskResult, TaskRunSettings

namespace kvcompress {

// One row of `results`; a figure that the task does not have is left out.
Json task_row(const TaskResult& result);
Json task_json(const Engine& engine, const std::string& task, const TaskSettings& task_settings,
               const TaskRunSettings& settings, const std::vector<TaskResult>& results);
std::string task_table(const std::vector<TaskResult>& results);

}  // namespace kvcompress
