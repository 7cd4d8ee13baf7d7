// SPDX-License-Identifier: Apache-2.0
//
// A flow of one's own: a layer over any other flow that replaces each letter by the one 13 places
// on. Only reading and writing differ; all the rest of the contract (both ends, cancellation,
// errors that stay) comes from the classes it is built of.
#include <runnel/async/loop.hpp>
#include <runnel/async/when.hpp>
#include <runnel/flow/layer.hpp>
#include <runnel/flow/pipe.hpp>

#include <cstdio>
#include <string>

namespace {

using namespace runnel;

std::byte rotate(std::byte letter) {
    const char c = static_cast<char>(letter);
    const char first = c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : '\0';
    return first == '\0' ? letter : static_cast<std::byte>(first + (c - first + 13) % 26);
}

/// The same bytes rotated: in place where nobody else looks at them, otherwise in a copy.
buffer rotated(buffer data) {
    if (!data.unique()) {
        data = buffer::copy_of(data.span());
    }
    for (std::byte& each : data.writable()) {
        each = rotate(each);
    }
    return data;
}

class rot13 final : public passing_layer {
public:
    using passing_layer::passing_layer;

    task<result<buffer>> read(std::size_t hint) override {
        result<buffer> data = co_await below().read(hint);
        if (!data) {
            co_return fail(data.error());
        }
        co_return rotated(*std::move(data));
    }

    task<result<void>> write(write_operation& op) override {
        while (op.remaining() > 0) {
            const write_result written = co_await below().write(rotated(op.take()));
            if (!written) {
                co_return fail(written.error());
            }
        }
        co_return result<void>();
    }
};

task<result<std::string>> run() {
    auto ends = make_pipe();
    const flow_ptr writer = make_layered(std::make_unique<rot13>(std::move(ends.first)));
    const flow_ptr reader = std::move(ends.second);
    const write_result written = co_await writer->write(buffer::copy_of("Hello, flow"));
    if (!written) {
        co_return fail(written.error());
    }
    const result<buffer> seen = co_await reader->read();
    if (!seen) {
        co_return fail(seen.error());
    }
    std::string text(seen->view());
    const auto closed = co_await when_all(writer->close(), reader->close());
    if (!std::get<0>(closed)) {
        co_return fail(std::get<0>(closed).error());
    }
    co_return text;
}

} // namespace

int main() {
    const auto own = loop::create();
    if (!own) {
        std::fprintf(stderr, "%s\n", own.error().message().c_str());
        return 1;
    }
    const result<std::string> seen = (*own)->run(run());
    if (!seen) {
        std::fprintf(stderr, "%s\n", seen.error().message().c_str());
        return 1;
    }
    std::puts(seen->c_str());
    return *seen == "Uryyb, sybj" ? 0 : 1;
}
