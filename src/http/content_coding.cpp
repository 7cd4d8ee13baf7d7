// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/content_coding.hpp"

#include "runnel/http/fault.hpp"
#include "runnel/http/field.hpp"
#include "runnel/http/list.hpp"
#include "runnel/http/quality.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace runnel::inline v0::http {
namespace {

constexpr std::array<std::string_view, 4> names{"identity", "gzip", "zstd", "br"};

/// From the best to the worst.
constexpr std::array<content_coding, 3> preferred{content_coding::zstd, content_coding::brotli,
                                                  content_coding::gzip};

/// Content that is decoded while it is read.
class decoded_body final : public incoming_body {
public:
    decoded_body(incoming_body& coded, content_coding coding, std::uint64_t most)
        : coded_(coded), decoder_(make_decoder(coding)), most_(most) {
        restart(false);
    }

    task<result<buffer>> read() override {
        while (!ended()) {
            std::span<const std::byte> rest = piece_.span();
            result<buffer> data = decoder_->decode(rest);
            piece_.remove_prefix(piece_.size() - rest.size());
            if (!data) {
                co_return runnel::fail(note(data.error()));
            }
            if (data->size() > most_ - received()) {
                co_return runnel::fail(note(error(make_error_code(fault::long_body))));
            }
            if (!data->empty()) {
                count(data->size(), false);
                co_return data;
            }
            result<buffer> more = co_await coded_.read();
            if (more) {
                piece_ = *std::move(more);
            } else if (more.error() == errc::end) {
                static_cast<void>(note(decoder_->complete() ? errc::end : errc::truncated));
            } else {
                co_return runnel::fail(note(more.error()));
            }
        }
        co_return runnel::fail(*ended());
    }

    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept override {
        return complete() ? std::optional(received()) : std::nullopt;
    }
    [[nodiscard]] fields_view trailers() const noexcept override { return coded_.trailers(); }

private:
    incoming_body& coded_;
    std::unique_ptr<content_decoder> decoder_;
    std::uint64_t most_;
    buffer piece_;
};

/// A body that is coded while it is written.
class coded_body final : public outgoing_body {
public:
    coded_body(outgoing_body& target, content_coding coding)
        : outgoing_body(std::nullopt, false), target_(target), encoder_(make_encoder(coding)) {}

    task<result<void>> flush() override {
        encoder_->encode({}, content_encoder::end::flush, coded_);
        const result<void> sent = co_await send();
        if (!sent) {
            co_return sent;
        }
        co_return co_await target_.flush();
    }

private:
    task<result<void>> put(buffer data) override {
        encoder_->encode(data.span(), content_encoder::end::none, coded_);
        co_return co_await send();
    }

    task<result<void>> put_end(const field_block& trailers) override {
        encoder_->encode({}, content_encoder::end::whole, coded_);
        const result<void> sent = co_await send();
        if (!sent) {
            co_return sent;
        }
        co_return co_await target_.finish(trailers);
    }

    task<result<void>> send() {
        while (!coded_.empty()) {
            const result<void> sent = co_await target_.write(coded_.pop_front());
            if (!sent) {
                co_return sent;
            }
        }
        co_return result<void>();
    }

    outgoing_body& target_;
    std::unique_ptr<content_encoder> encoder_;
    buffer_queue coded_;
};

task<result<void>> write_coded(body_writer writer, content_coding coding, outgoing_body& target) {
    coded_body coded(target, coding);
    result<void> written = co_await writer(coded);
    if (written) {
        written = co_await coded.finish();
    }
    co_return written;
}

/// Whether the elements of a field's value have this one.
bool has_element(std::string_view value, std::string_view element) noexcept {
    list_reader list(value);
    for (std::string_view each; list.next(each);) {
        if (same_name(each, element)) {
            return true;
        }
    }
    return false;
}

bool may_compress(const response& made, const compress_options& options) noexcept {
    const field_block& fields = made.fields();
    const std::string_view type = fields.find("Content-Type").value_or("");
    return !made.takes_over() && !is_bodiless(made.code()) &&
           made.code() != status::partial_content && !fields.contains("Content-Encoding") &&
           !fields.contains("Content-Range") &&
           made.length().value_or(options.least) >= options.least && is_compressible(type) &&
           !has_element(fields.find("Cache-Control").value_or(""), "no-transform");
}

task<response> compress_answer(request& asked, const handler& next, compress_options options) {
    response made = co_await next(asked);
    if (!may_compress(made, options)) {
        co_return made;
    }
    if (!has_element(made.fields().find("Vary").value_or(""), "Accept-Encoding")) {
        made.add("Vary", "Accept-Encoding");
    }
    const content_coding coding = choose_coding(asked.fields());
    if (coding == content_coding::identity) {
        co_return made;
    }
    made.add("Content-Encoding", name_of(coding));
    if (const auto tag = made.fields().find("ETag"); tag && !tag->starts_with("W/")) {
        const std::string weak = "W/" + std::string(*tag);
        made.remove("ETag").add("ETag", weak);
    }
    made.transform([coding](body_writer writer) -> body_writer {
        return [coding, writer = std::move(writer)](outgoing_body& target) mutable {
            return write_coded(std::move(writer), coding, target);
        };
    });
    co_return made;
}

task<response> decompress_request(request& asked, const handler& next, std::uint64_t most) {
    const std::string_view named = asked.find("Content-Encoding").value_or("identity");
    const std::optional<content_coding> coding = coding_of(named);
    if (!coding || asked.fields().count("Content-Encoding") > 1) {
        response made =
            response::text(status::unsupported_media_type, "415 Unsupported Media Type\n");
        made.add("Accept-Encoding", "zstd, br, gzip");
        co_return made;
    }
    if (*coding != content_coding::identity) {
        asked.replace_body(decode_body(asked.body(), *coding, most));
    }
    co_return co_await next(asked);
}

} // namespace

std::string_view name_of(content_coding coding) noexcept {
    return names[static_cast<std::size_t>(coding)];
}

std::optional<content_coding> coding_of(std::string_view name) noexcept {
    if (same_name(name, "x-gzip")) {
        return content_coding::gzip;
    }
    for (std::size_t index = 0; index < names.size(); ++index) {
        if (same_name(name, names[index])) {
            return static_cast<content_coding>(index);
        }
    }
    return std::nullopt;
}

content_coding choose_coding(const fields_view& fields) noexcept {
    content_coding best = content_coding::identity;
    unsigned most = 0;
    for (const content_coding each : preferred) {
        const unsigned quality = quality_of(fields, "Accept-Encoding", name_of(each));
        if (quality > most) {
            best = each;
            most = quality;
        }
    }
    // Only a client that names it prefers what is not coded.
    return quality_of(fields, "Accept-Encoding", "identity") > most ? content_coding::identity
                                                                    : best;
}

bool is_compressible(std::string_view type) noexcept {
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) {
        type.remove_suffix(1);
    }
    static constexpr auto exact = std::to_array<std::string_view>(
        {"application/json", "application/javascript", "application/xml", "application/wasm",
         "application/x-javascript", "application/manifest+json", "image/svg+xml", "image/bmp",
         "application/vnd.ms-fontobject", "font/ttf", "font/otf"});
    const auto ends = [&](std::string_view suffix) {
        return type.size() > suffix.size() &&
               same_name(type.substr(type.size() - suffix.size()), suffix);
    };
    // Events have to arrive one by one.
    return (type.size() > 5 && same_name(type.substr(0, 5), "text/") &&
            !same_name(type, "text/event-stream")) ||
           ends("+json") || ends("+xml") ||
           std::ranges::any_of(exact, [&](std::string_view one) { return same_name(one, type); });
}

std::unique_ptr<incoming_body> decode_body(incoming_body& coded, content_coding coding,
                                           std::uint64_t most) {
    return std::make_unique<decoded_body>(coded, coding, most);
}

middleware compress(compress_options options) {
    return [options](request& asked, const handler& next) {
        return compress_answer(asked, next, options);
    };
}

middleware decompress(std::uint64_t most) {
    return [most](request& asked, const handler& next) {
        return decompress_request(asked, next, most);
    };
}

} // namespace runnel::inline v0::http
