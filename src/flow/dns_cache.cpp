// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_cache.hpp"

namespace runnel::inline v0 {
namespace {

/// Under which a name that does not exist is kept, whatever type was asked for.
constexpr auto every_type = static_cast<dns_type>(0);

std::size_t bytes_of(const dns_cache::outcome& what) noexcept {
    std::size_t sum = what.answer.data.size() * sizeof(dns_data);
    for (const dns_data& data : what.answer.data) {
        if (const auto* txt = std::get_if<dns_txt>(&data)) {
            for (const std::string& text : txt->strings) {
                sum += sizeof(std::string) + text.size();
            }
        }
    }
    return sum;
}

dns_question key_of(const dns_question& question, const dns_cache::outcome& what) noexcept {
    const bool nothing_there = what.absent == dns_errc::no_such_name;
    return {question.name, nothing_there ? every_type : question.type};
}

} // namespace

const dns_cache::outcome* dns_cache::find(const dns_question& question, time_point now) {
    const outcome* found = find_exactly(question, now);
    return found != nullptr ? found : find_exactly({question.name, every_type}, now);
}

const dns_cache::outcome* dns_cache::find_exactly(const dns_question& question, time_point now) {
    const auto at = entries_.find(question);
    if (at == entries_.end()) {
        return nullptr;
    }
    if (at->second.what.answer.expires <= now) {
        erase(at);
        return nullptr;
    }
    uses_.splice(uses_.begin(), uses_, at->second.use);
    return &at->second.what;
}

void dns_cache::store(const dns_question& question, outcome what, time_point now) {
    const dns_question key = key_of(question, what);
    if (const auto at = entries_.find(key); at != entries_.end()) {
        erase(at);
    }
    const std::size_t bytes = sizeof(entry_map::value_type) + sizeof(dns_question) + bytes_of(what);
    if (what.answer.expires <= now || bytes > most_bytes_) {
        return;
    }
    while (bytes_ + bytes > most_bytes_) {
        erase(entries_.find(uses_.back()));
    }
    uses_.push_front(key);
    entries_.emplace(key, entry{std::move(what), bytes, uses_.begin()});
    bytes_ += bytes;
}

void dns_cache::erase(entry_map::iterator at) {
    bytes_ -= at->second.bytes;
    uses_.erase(at->second.use);
    entries_.erase(at);
}

void dns_cache::clear() noexcept {
    entries_.clear();
    uses_.clear();
    bytes_ = 0;
}

} // namespace runnel::inline v0
