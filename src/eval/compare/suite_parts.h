// The parts of a suite file, each read on its own.
#pragma once

#include <string>  // std::string

#include "eval/compare/suite.h"       // Suite
#include "eval/compare/suite_node.h"  // SuiteNode

namespace kvcompress {

void read_suite_models(SuiteNode& root, const SuiteFolders& folders, Suite& suite);
void read_suite_tasks(SuiteNode& root, const SuiteFolders& folders, Suite& suite);
// After models and tasks, because recipes name both.
void read_suite_recipes(SuiteNode& root, Suite& suite);

// The items of a list; what is no list is noted.
std::vector<const YamlNode*> suite_items(SuiteNode& root, const std::string& key);
// Notes every name that is not among the known.
void check_names(SuiteNode& node, const std::string& key, const std::vector<std::string>& names,
                 const std::vector<std::string>& known);

}  // namespace kvcompress
