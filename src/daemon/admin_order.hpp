// Commands as they come over HTTP: a path, and arguments in the query or a JSON body.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/backend.hpp"

namespace reeve::daemon {

struct OrderRequest {
    Order order;
    bool wait = true;     ///< the answer is to be the outcome, not the receipt
    std::string summary;  ///< "scale pool=web workers=+2", for the log; bounded
};

/// Why a request is no order: 400 for what cannot be read, 422 for what makes no sense.
struct OrderProblem {
    unsigned status = 422;
    std::string text;
};

/// "reload", "scale" ...: the commands, each at /v1/NAME.
std::span<const std::string_view> order_names();

/// `query` is what stood after '?', `body` a JSON object or empty. Both may be used, each argument
/// in one of them only. A '+' in a query is a plus.
std::variant<OrderRequest, OrderProblem> read_order(std::string_view name, std::string_view query,
                                                    std::string_view body);

}  // namespace reeve::daemon
