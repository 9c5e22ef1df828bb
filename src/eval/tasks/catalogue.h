// Every task; each of these stands in the file of its name.
#pragma once

#include "eval/tasks/task.h"  // Task

namespace kvcompress {

const Task& passkey_task();
const Task& needle_task();
const Task& ruler_task();
const Task& longeval_task();
const Task& babilong_task();
const Task& icl_task();
const Task& multi_news_task();
const Task& kv_retrieval_task();

}  // namespace kvcompress
