// The tables of translation as the pages have them.
#pragma once

#include <string>

namespace reeve::imports {

/// Every setting of Gunicorn and every signal, as Markdown.
std::string gunicorn_table();

/// Every key and every kind of section of supervisord, as Markdown.
std::string supervisord_table();

}  // namespace reeve::imports
