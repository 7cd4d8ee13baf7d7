// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/flow/dns_error.hpp"
#include "runnel/flow/dns_message.hpp"

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <vector>

namespace runnel::inline v0 {

/// What a name has, of one type.
struct dns_answer {
    /// The name that has the records: where aliases led from the name that was looked up.
    dns_name name = {};
    dns_type type = dns_type::a;
    /// At least one, in the order of the response.
    std::vector<dns_data> data = {};
    /// Until when it may be used; `never` for what did not come from the DNS.
    time_point expires = never;

    friend bool operator==(const dns_answer&, const dns_answer&) = default;
};

/// Answers that are still good, of a bounded size: where there is no room, those go that were not
/// used for the longest time.
class dns_cache {
public:
    /// An answer, or the name's or its record's absence until `answer.expires`.
    struct outcome {
        std::optional<dns_errc> absent; // no_such_name or no_data
        dns_answer answer;
    };

    /// `most_bytes` bounds the memory, by a rough count; 0 keeps nothing.
    explicit dns_cache(std::size_t most_bytes) : most_bytes_(most_bytes) {}
    dns_cache(const dns_cache&) = delete;
    dns_cache& operator=(const dns_cache&) = delete;

    /// What is known about a question, or null. A name that does not exist is known for every type
    /// (RFC 2308, section 5). Valid until the next call of another function.
    [[nodiscard]] const outcome* find(const dns_question& question, time_point now);

    /// Keeps an outcome until it expires, in place of an earlier one.
    void store(const dns_question& question, outcome what, time_point now);

    void clear() noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    struct entry {
        outcome what;
        std::size_t bytes = 0;
        std::list<dns_question>::iterator use; // its place in `uses_`
    };
    using entry_map = std::map<dns_question, entry>;

    [[nodiscard]] const outcome* find_exactly(const dns_question& question, time_point now);
    void erase(entry_map::iterator at);

    std::size_t most_bytes_;
    std::size_t bytes_ = 0;
    entry_map entries_;
    std::list<dns_question> uses_; // the latest first
};

} // namespace runnel::inline v0
