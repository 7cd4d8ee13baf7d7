// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/event_stream.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace runnel::inline v0::http {
namespace {

bool is_line(std::string_view text) noexcept {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

task<result<void>> write_events(event_source source, outgoing_body& target) {
    event_writer writer(target);
    co_return co_await source(writer);
}

} // namespace

task<result<void>> event_writer::put(std::string text) {
    const result<void> written = co_await target_->write(text);
    if (!written) {
        co_return written;
    }
    co_return co_await target_->flush();
}

task<result<void>> event_writer::send(std::string_view data, std::string_view type,
                                      std::string_view id) {
    if (!is_line(type) || !is_line(id)) {
        co_return fail(errc::invalid_argument, "an event whose type or id is not one line");
    }
    std::string text;
    if (!type.empty()) {
        text.append("event: ").append(type).append("\n");
    }
    if (!id.empty()) {
        text.append("id: ").append(id).append("\n");
    }
    for (bool more = true; more;) {
        const std::size_t end = std::min(data.find_first_of("\r\n"), data.size());
        text.append("data: ").append(data.substr(0, end)).append("\n");
        more = end != data.size();
        const bool pair = data.substr(end).starts_with("\r\n");
        data.remove_prefix(std::min(data.size(), end + (pair ? 2 : 1)));
    }
    co_return co_await put(text + "\n");
}

task<result<void>> event_writer::send_retry(duration after) {
    const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(after).count();
    co_return co_await put("retry: " + std::to_string(std::max<long long>(count, 0)) + "\n\n");
}

task<result<void>> event_writer::keep_alive() {
    co_return co_await put(":\n\n");
}

response event_stream(event_source source) {
    response made = response::stream(status::ok, "text/event-stream",
                                     [source = std::move(source)](outgoing_body& target) mutable {
                                         return write_events(std::move(source), target);
                                     });
    made.add("Cache-Control", "no-store");
    return made;
}

result<void> event_parser::parse(std::string_view bytes, std::vector<stream_event>& into) {
    for (const char each : bytes) {
        const bool second = std::exchange(carriage_return_, each == '\r') && each == '\n';
        if (second) {
            continue;
        }
        if (each == '\r' || each == '\n') {
            take_line(into);
            line_.clear();
            continue;
        }
        if (line_.size() + data_.size() >= most_) {
            return fail(errc::limit_exceeded, "an event that is too large");
        }
        line_ += each;
    }
    return {};
}

void event_parser::take_line(std::vector<stream_event>& into) {
    std::string_view line = line_;
    if (std::exchange(first_, false) && line.starts_with("\xef\xbb\xbf")) {
        line.remove_prefix(3);
    }
    if (line.empty()) {
        if (!data_.empty()) {
            data_.pop_back(); // the LF behind the last line
            into.push_back({.type = type_.empty() ? "message" : type_,
                            .data = std::exchange(data_, {}),
                            .id = last_id_});
        }
        type_.clear();
        return;
    }
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    if (value.starts_with(' ')) {
        value.remove_prefix(1);
    }
    if (name == "data") {
        data_.append(value).append("\n");
    } else if (name == "event") {
        type_ = value;
    } else if (name == "id" && value.find('\0') == std::string_view::npos) {
        last_id_ = value;
    } else if (name == "retry") {
        std::int64_t count = 0;
        const auto read = std::from_chars(value.data(), value.data() + value.size(), count);
        const bool digits = !value.empty() && value.front() != '-';
        if (digits && read.ec == std::errc() && read.ptr == value.data() + value.size() &&
            count < std::int64_t{1} << 40U) {
            retry_ = std::chrono::milliseconds(count);
        }
    }
}

} // namespace runnel::inline v0::http
