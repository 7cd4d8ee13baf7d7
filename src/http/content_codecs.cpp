// SPDX-License-Identifier: Apache-2.0
// The codings themselves, each by the library that everybody uses for it.

#include "runnel/core/check.hpp"
#include "runnel/http/content_coding.hpp"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace runnel::inline v0::http {
namespace {

constexpr std::size_t step = content_decoder::step_size;

/// Quick ones: bodies are coded each time they are sent.
constexpr int gzip_level = 4;
constexpr int zstd_level = 3;
constexpr int brotli_level = 4;
/// No more memory than a client may be expected to have for it (RFC 8878, section 3.1.1.1.2).
constexpr int zstd_window = 23;
constexpr int brotli_window = 20;

constexpr int gzip_window = 15 + 16; // zlib's way to say gzip

std::unexpected<error> undecodable() {
    return fail(errc::protocol_error, "content that cannot be decoded");
}

Bytef* zlib_bytes(std::span<const std::byte> data) noexcept {
    return reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data())); // NOLINT: is only read
}

class gzip_encoder final : public content_encoder {
public:
    gzip_encoder() {
        if (deflateInit2(&stream_, gzip_level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) !=
            Z_OK) {
            throw std::bad_alloc();
        }
    }
    gzip_encoder(const gzip_encoder&) = delete;
    gzip_encoder& operator=(const gzip_encoder&) = delete;
    ~gzip_encoder() override { deflateEnd(&stream_); }

    void encode(std::span<const std::byte> data, end how, buffer_queue& into) override {
        const int mode = how == end::none    ? Z_NO_FLUSH
                         : how == end::flush ? Z_SYNC_FLUSH
                                             : Z_FINISH;
        stream_.next_in = zlib_bytes(data);
        stream_.avail_in = static_cast<uInt>(data.size());
        do {
            buffer out = buffer::allocate(step);
            stream_.next_out = reinterpret_cast<Bytef*>(out.writable().data());
            stream_.avail_out = step;
            deflate(&stream_, mode);
            out.truncate(step - stream_.avail_out);
            into.push_back_compact(std::move(out));
        } while (stream_.avail_out == 0);
    }

private:
    z_stream stream_{};
};

class gzip_decoder final : public content_decoder {
public:
    gzip_decoder() {
        if (inflateInit2(&stream_, gzip_window) != Z_OK) {
            throw std::bad_alloc();
        }
    }
    gzip_decoder(const gzip_decoder&) = delete;
    gzip_decoder& operator=(const gzip_decoder&) = delete;
    ~gzip_decoder() override { inflateEnd(&stream_); }

    result<buffer> decode(std::span<const std::byte>& data) override {
        for (;;) {
            if (complete_ && !data.empty()) { // another member (RFC 1952, section 2.2)
                inflateReset(&stream_);
                complete_ = false;
            }
            buffer out = buffer::allocate(step);
            stream_.next_in = zlib_bytes(data);
            stream_.avail_in = static_cast<uInt>(data.size());
            stream_.next_out = reinterpret_cast<Bytef*>(out.writable().data());
            stream_.avail_out = step;
            const int status = complete_ ? Z_BUF_ERROR : inflate(&stream_, Z_NO_FLUSH);
            if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
                return undecodable();
            }
            began_ = began_ || !data.empty();
            data = data.last(stream_.avail_in);
            complete_ = complete_ || status == Z_STREAM_END;
            out.truncate(step - stream_.avail_out);
            if (!out.empty() || data.empty()) {
                return out;
            }
        }
    }
    [[nodiscard]] bool complete() const noexcept override { return complete_ || !began_; }

private:
    z_stream stream_{};
    bool complete_ = false;
    bool began_ = false;
};

class zstd_encoder final : public content_encoder {
public:
    zstd_encoder() : context_(ZSTD_createCCtx()) {
        if (context_ == nullptr) {
            throw std::bad_alloc();
        }
        ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, zstd_level);
        ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 0);
    }
    zstd_encoder(const zstd_encoder&) = delete;
    zstd_encoder& operator=(const zstd_encoder&) = delete;
    ~zstd_encoder() override { ZSTD_freeCCtx(context_); }

    void encode(std::span<const std::byte> data, end how, buffer_queue& into) override {
        const auto mode = how == end::none    ? ZSTD_e_continue
                          : how == end::flush ? ZSTD_e_flush
                                              : ZSTD_e_end;
        ZSTD_inBuffer in{data.data(), data.size(), 0};
        for (bool more = true; more;) {
            buffer out = buffer::allocate(step);
            ZSTD_outBuffer to{out.writable().data(), step, 0};
            const std::size_t left = ZSTD_compressStream2(context_, &to, &in, mode);
            check(ZSTD_isError(left) == 0, "zstd can compress everything");
            out.truncate(to.pos);
            into.push_back_compact(std::move(out));
            more = how == end::none ? in.pos != in.size : left != 0;
        }
    }

private:
    ZSTD_CCtx* context_;
};

class zstd_decoder final : public content_decoder {
public:
    zstd_decoder() : context_(ZSTD_createDCtx()) {
        if (context_ == nullptr) {
            throw std::bad_alloc();
        }
        ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, zstd_window);
    }
    zstd_decoder(const zstd_decoder&) = delete;
    zstd_decoder& operator=(const zstd_decoder&) = delete;
    ~zstd_decoder() override { ZSTD_freeDCtx(context_); }

    result<buffer> decode(std::span<const std::byte>& data) override {
        for (;;) {
            buffer out = buffer::allocate(step);
            ZSTD_inBuffer in{data.data(), data.size(), 0};
            ZSTD_outBuffer to{out.writable().data(), step, 0};
            if (!begins_well(data)) {
                return undecodable();
            }
            const std::size_t left = ZSTD_decompressStream(context_, &to, &in);
            if (ZSTD_isError(left) != 0) {
                return undecodable();
            }
            if (in.pos != 0 || to.pos != 0) {
                complete_ = left == 0; // otherwise a frame goes on
                seen_ = complete_ ? 0 : std::min(seen_ + in.pos, magic.size());
            }
            data = data.subspan(in.pos);
            out.truncate(to.pos);
            if (!out.empty() || data.empty()) {
                return out;
            }
        }
    }
    [[nodiscard]] bool complete() const noexcept override { return complete_; }

private:
    static constexpr std::array<std::uint8_t, 4> magic{0x28, 0xB5, 0x2F, 0xFD};
    static constexpr std::array<std::uint8_t, 4> skippable{0x50, 0x2A, 0x4D, 0x18};

    /// Whether a frame is one of RFC 8878, section 3.1: the library also knows older formats, which
    /// it does not read alike from pieces.
    bool begins_well(std::span<const std::byte> data) noexcept {
        const std::size_t count = std::min(magic.size() - seen_, data.size());
        for (std::size_t i = 0; i < count; ++i) {
            const auto byte = std::to_integer<std::uint8_t>(data[i]);
            if (seen_ + i == 0) {
                skips_ = (byte & 0xF0U) == skippable[0];
            }
            const bool any_low = skips_ && seen_ + i == 0;
            if (!any_low && byte != (skips_ ? skippable : magic).at(seen_ + i)) {
                return false;
            }
        }
        return true;
    }

    ZSTD_DCtx* context_;
    bool complete_ = true;
    bool skips_ = false;
    std::size_t seen_ = 0; // of the magic number of a frame
};

class brotli_encoder final : public content_encoder {
public:
    brotli_encoder() : state_(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
        if (state_ == nullptr) {
            throw std::bad_alloc();
        }
        BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, brotli_level);
        BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, brotli_window);
    }
    brotli_encoder(const brotli_encoder&) = delete;
    brotli_encoder& operator=(const brotli_encoder&) = delete;
    ~brotli_encoder() override { BrotliEncoderDestroyInstance(state_); }

    void encode(std::span<const std::byte> data, end how, buffer_queue& into) override {
        const auto mode = how == end::none    ? BROTLI_OPERATION_PROCESS
                          : how == end::flush ? BROTLI_OPERATION_FLUSH
                                              : BROTLI_OPERATION_FINISH;
        std::size_t left = data.size();
        const auto* at = reinterpret_cast<const std::uint8_t*>(data.data());
        do {
            buffer out = buffer::allocate(step);
            std::size_t room = step;
            auto* to = reinterpret_cast<std::uint8_t*>(out.writable().data());
            check(BrotliEncoderCompressStream(state_, mode, &left, &at, &room, &to, nullptr) != 0,
                  "brotli can compress everything");
            out.truncate(step - room);
            into.push_back_compact(std::move(out));
        } while (left != 0 || BrotliEncoderHasMoreOutput(state_) != 0);
    }

private:
    BrotliEncoderState* state_;
};

class brotli_decoder final : public content_decoder {
public:
    brotli_decoder() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
        if (state_ == nullptr) {
            throw std::bad_alloc();
        }
    }
    brotli_decoder(const brotli_decoder&) = delete;
    brotli_decoder& operator=(const brotli_decoder&) = delete;
    ~brotli_decoder() override { BrotliDecoderDestroyInstance(state_); }

    result<buffer> decode(std::span<const std::byte>& data) override {
        buffer out = buffer::allocate(step);
        std::size_t left = data.size();
        const auto* at = reinterpret_cast<const std::uint8_t*>(data.data());
        std::size_t room = step;
        auto* to = reinterpret_cast<std::uint8_t*>(out.writable().data());
        const bool ended = BrotliDecoderIsFinished(state_) != 0;
        if (ended && left != 0) {
            return undecodable();
        }
        began_ = began_ || left != 0;
        if (!ended && BrotliDecoderDecompressStream(state_, &left, &at, &room, &to, nullptr) ==
                          BROTLI_DECODER_RESULT_ERROR) {
            return undecodable();
        }
        data = data.last(left);
        out.truncate(step - room);
        if (out.empty() && !data.empty()) {
            return undecodable(); // more than there should be
        }
        return out;
    }
    [[nodiscard]] bool complete() const noexcept override {
        return !began_ || BrotliDecoderIsFinished(state_) != 0;
    }

private:
    BrotliDecoderState* state_;
    bool began_ = false;
};

} // namespace

std::unique_ptr<content_encoder> make_encoder(content_coding coding) {
    switch (coding) {
    case content_coding::gzip:
        return std::make_unique<gzip_encoder>();
    case content_coding::zstd:
        return std::make_unique<zstd_encoder>();
    case content_coding::brotli:
        return std::make_unique<brotli_encoder>();
    case content_coding::identity:
        break;
    }
    return nullptr;
}

std::unique_ptr<content_decoder> make_decoder(content_coding coding) {
    switch (coding) {
    case content_coding::gzip:
        return std::make_unique<gzip_decoder>();
    case content_coding::zstd:
        return std::make_unique<zstd_decoder>();
    case content_coding::brotli:
        return std::make_unique<brotli_decoder>();
    case content_coding::identity:
        break;
    }
    return nullptr;
}

} // namespace runnel::inline v0::http
