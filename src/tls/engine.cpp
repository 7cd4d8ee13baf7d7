// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include "failure.hpp"
#include "library.hpp"
#include "runnel/tls/error.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace runnel::inline v0::tls {
namespace {

constexpr std::size_t header_size = 5;
/// The largest plaintext of a record (RFC 8446, section 5.1).
constexpr std::size_t record_plain = 16384;
/// The largest record of TLS 1.2, with the room that RFC 5246 allows for expansion.
constexpr std::size_t record_most = record_plain + 2048;
/// Pieces of a write that are smaller go into one record together.
constexpr std::size_t piece_own_record = 4096;
/// Messages of the handshake protocol in a row, after the handshake, without data between them:
/// tickets and changes of keys. Beyond, a peer only makes work.
constexpr std::uint32_t idle_messages_most = 32;
/// Records under one key, well below the 2^24.5 that AES-GCM bears (RFC 8446, section 5.5).
constexpr std::uint64_t records_per_key = std::uint64_t{1} << 23;

constexpr int outgoing = 1;

/// What goes into the next record: the first piece, or small ones gathered into `memory`.
std::span<const std::byte> next_piece(const write_operation& op, buffer& memory) {
    const auto first =
        std::ranges::find_if(op.rest(), [](const buffer& each) { return !each.empty(); });
    if (first->size() >= piece_own_record || first->size() == op.remaining()) {
        return first->span().first(std::min(first->size(), record_plain));
    }
    if (memory.empty()) {
        memory = buffer::allocate(record_plain, 0, 0);
    }
    const std::span<std::byte> target = memory.writable();
    std::size_t have = 0;
    for (const buffer& each : op.rest()) {
        const std::size_t part = std::min(each.size(), target.size() - have);
        if (part != 0) {
            std::memcpy(target.data() + have, each.data(), part);
        }
        have += part;
        if (have == target.size()) {
            break;
        }
    }
    return target.first(have);
}

} // namespace

engine::engine(ssl_ptr ssl) : ssl_(std::move(ssl)) {
    BIO* bio = BIO_new(bio_method());
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_msg_callback(ssl_.get(), &on_message);
}

engine::~engine() {
    if (keeps_buffers_) {
        library::local().keepers.remove(*this);
    }
    if (!failure_.has_value()) {
        // libssl takes a session that ends without this for a failed one, not to be resumed.
        SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
}

engine& engine::of(const SSL* ssl) noexcept {
    return *static_cast<engine*>(SSL_get_app_data(ssl));
}

void engine::note_refusal(error why) {
    if (!refusal_.has_value()) {
        refusal_ = std::move(why);
    }
}

void engine::receive(buffer ciphertext) {
    input_.push_back_compact(std::move(ciphertext));
}

void engine::receive_end(error how) {
    if (!input_end_.has_value()) {
        input_end_ = std::move(how);
    }
}

std::size_t engine::luggage::take(std::span<std::byte> target) noexcept {
    const std::size_t size = std::min(target.size(), input.size() - consumed);
    std::copy_n(input.begin() + static_cast<std::ptrdiff_t>(consumed), size, target.begin());
    consumed += size;
    return size;
}

void engine::leave_thread() {
    luggage packed;
    packed.input.resize(input_.bytes());
    static_cast<void>(input_.copy_out(packed.input));
    away_ = std::move(packed);
}

void engine::return_to_thread() {
    const luggage packed = std::move(*away_);
    away_.reset();
    const std::span<const std::byte> left = std::span(packed.input).subspan(packed.consumed);
    if (!left.empty()) {
        input_.push_front(buffer::copy_of(left));
    }
    if (!packed.output.empty()) {
        output_.push_back(buffer::copy_of(packed.output));
    }
}

/// Whether a whole record is there, or something that libssl will refuse by its header.
bool engine::input_ready() noexcept {
    if (!framing_) {
        return !input_.empty();
    }
    if (input_.bytes() < header_size) {
        return false;
    }
    std::array<std::uint8_t, header_size> header{};
    std::size_t have = 0;
    for (std::size_t index = 0; have < header_size; ++index) {
        const buffer& piece = input_[index];
        const std::size_t part = std::min(piece.size(), header_size - have);
        std::memcpy(header.data() + have, piece.data(), part);
        have += part;
    }
    const std::size_t length = std::size_t{header[3]} * 256 + header[4];
    const bool sound = header[0] >= SSL3_RT_CHANGE_CIPHER_SPEC &&
                       header[0] <= SSL3_RT_APPLICATION_DATA && header[1] == SSL3_VERSION_MAJOR &&
                       length <= record_most;
    if (!sound) {
        framing_ = false;
        return true;
    }
    return input_.bytes() >= header_size + length;
}

/// The most plaintext that the next read can give. Requires that a record is there.
std::size_t engine::next_size() noexcept {
    if (const int pending = SSL_pending(ssl_.get()); pending > 0) {
        return static_cast<std::size_t>(pending);
    }
    std::size_t length = 0;
    if (input_.front().size() >= header_size) {
        const std::byte* header = input_.front().data();
        length =
            std::to_integer<std::size_t>(header[3]) * 256 + std::to_integer<std::size_t>(header[4]);
    } else {
        length = record_plain;
    }
    return std::clamp<std::size_t>(length, 1, record_plain);
}

/// What every call of libssl that moves data needs: room for records, and no old errors.
void engine::prepare_call() noexcept {
    if (!keeps_buffers_) {
        keeps_buffers_ = true;
        library::local().keepers.admit(*this);
    }
    if (ERR_peek_error() != 0) { // costs a third of clearing what is clear
        ERR_clear_error();
    }
}

void engine::release_buffers() noexcept {
    keeps_buffers_ = false;
    SSL_free_buffers(ssl_.get()); // but not those that hold a part of a record
}

/// Sends early data, if the session that is to be resumed allows so much.
bool engine::write_early() {
    const SSL_SESSION* before = SSL_get0_session(ssl_.get());
    if (before == nullptr || SSL_SESSION_get_max_early_data(before) < early_out_.size()) {
        return true;
    }
    for (std::size_t sent = 0; sent < early_out_.size();) {
        std::size_t count = 0;
        if (SSL_write_early_data(ssl_.get(), early_out_.data() + sent, early_out_.size() - sent,
                                 &count) != 1) {
            return false;
        }
        sent += count;
    }
    wrote_early_ = true;
    return true;
}

/// Calls libssl for one step of the handshake, and gives what that returned.
int engine::advance_handshake() {
    if (!early_out_.empty() && !wrote_early_ && SSL_in_before(ssl_.get()) == 1 && !write_early()) {
        return 0;
    }
    while (reads_early_) {
        const std::size_t have = early_in_.size();
        std::size_t count = 0;
        early_in_.resize(have + record_plain);
        const int returned =
            SSL_read_early_data(ssl_.get(), early_in_.data() + have, record_plain, &count);
        early_in_.resize(have + count);
        early_bytes_ += count;
        if (returned == SSL_READ_EARLY_DATA_ERROR) {
            return 0;
        }
        reads_early_ = returned != SSL_READ_EARLY_DATA_FINISH;
    }
    return SSL_do_handshake(ssl_.get());
}

/// The handshake is complete: does what has waited for that. False if it fails.
bool engine::finish_handshake() {
    established_ = true;
    if (wrote_early_ && SSL_get_early_data_status(ssl_.get()) == SSL_EARLY_DATA_ACCEPTED) {
        early_bytes_ = early_out_.size();
        early_out_.reset();
    }
    while (!early_out_.empty()) { // the server did not take it
        std::size_t count = 0;
        if (SSL_write_ex(ssl_.get(), early_out_.data(), early_out_.size(), &count) != 1) {
            return false;
        }
        early_out_.remove_prefix(count);
    }
    early_out_.reset();
    if (close_waits_) {
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
    if (!keeps_buffers_) {
        SSL_free_buffers(ssl_.get());
    }
    return true;
}

std::size_t engine::take_early(std::span<std::byte> target) noexcept {
    const std::span<const std::byte> rest = std::span(early_in_).subspan(early_taken_);
    const std::size_t size = std::min(target.size(), rest.size());
    std::ranges::copy(rest.first(size), target.begin());
    early_taken_ += size;
    if (!early_waits()) {
        early_in_ = {};
        early_taken_ = 0;
    }
    return size;
}

engine::status engine::handshake() {
    while (!failure_.has_value()) {
        ERR_clear_error();
        const std::size_t before = input_.bytes();
        const int returned = advance_handshake();
        if (returned == 1 && !flooded_ && finish_handshake()) {
            return status::done;
        }
        if (step(returned) == status::finished) {
            break;
        }
        if (!input_ready() || input_.bytes() == before) {
            if (!input_end_.has_value()) {
                return early_waits() ? status::done : status::blocked;
            }
            failure_ = *input_end_ == errc::end
                           ? error(errc::truncated, "the transport ended during the TLS handshake")
                           : *input_end_;
        }
    }
    finish_reading(*failure_);
    return status::finished;
}

/// What a call that did not succeed means: `blocked`, or `finished` with the reason noted.
engine::status engine::step(int returned) {
    if (flooded_ && !failure_.has_value()) {
        failure_ = error(make_error_code(fault::flood), "");
        finish_reading(*failure_);
        return status::finished;
    }
    switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return status::blocked;
    case SSL_ERROR_ZERO_RETURN:
        finish_reading(errc::end);
        return status::finished;
    default:
        fail_session();
        return status::finished;
    }
}

void engine::fail_session() {
    if (!failure_.has_value()) {
        failure_ = describe_failure(refusal_, alert_sent_);
    }
    finish_reading(*failure_);
}

void engine::finish_reading(error why) {
    if (!read_end_.has_value()) {
        read_end_ = std::move(why);
    }
}

engine::status engine::read_into(std::span<std::byte> target, std::size_t& count) {
    if (!established_ && !early_waits() && handshake() == status::blocked) {
        return status::blocked;
    }
    if (early_waits()) {
        count = take_early(target);
        return status::done;
    }
    while (!read_end_.has_value()) {
        if (SSL_pending(ssl_.get()) == 0 && !input_ready()) {
            if (!input_end_.has_value()) {
                return status::blocked;
            }
            finish_reading(*input_end_ == errc::end
                               ? error(errc::truncated, "the transport ended without close_notify")
                               : *input_end_);
            break;
        }
        prepare_call();
        const std::size_t before = input_.bytes();
        const int returned = SSL_read_ex(ssl_.get(), target.data(), target.size(), &count);
        if (returned == 1 && !flooded_) {
            idle_messages_ = 0;
            return status::done;
        }
        if (step(returned) == status::blocked && input_.bytes() == before &&
            !input_end_.has_value()) {
            return status::blocked;
        }
    }
    return status::finished;
}

/// The same as `read` as long as the handshake goes on, or early data waits.
engine::status engine::read_early(buffer& data, std::size_t hint) {
    if (!established_ && !early_waits()) {
        static_cast<void>(handshake());
    }
    if (!early_waits()) {
        return established_ ? read(data, hint)
                            : (failure_.has_value() ? status::finished : status::blocked);
    }
    const std::size_t waiting = early_in_.size() - early_taken_;
    buffer made = buffer::allocate(hint != 0 ? std::min(hint, waiting) : waiting, 0, 0);
    static_cast<void>(take_early(made.writable()));
    data = std::move(made);
    return status::done;
}

engine::status engine::read(buffer& data, std::size_t hint) {
    if (!established_ || early_waits()) {
        return read_early(data, hint);
    }
    if (read_end_.has_value()) {
        return status::finished;
    }
    if (SSL_pending(ssl_.get()) == 0 && !input_ready()) {
        std::array<std::byte, 1> nothing{};
        std::size_t count = 0;
        return read_into(nothing, count); // says how reading finished
    }
    const std::size_t most = next_size();
    buffer made = buffer::allocate(hint != 0 ? std::min(hint, most) : most, 0, 0);
    std::size_t count = 0;
    const status given = read_into(made.writable(), count);
    if (given == status::done) {
        made.truncate(count);
        data = std::move(made);
    }
    return given;
}

bool engine::write(write_operation& op, std::size_t limit) {
    buffer gathered;
    while (op.remaining() != 0 && output_.bytes() < limit && !failure_.has_value()) {
        const std::span<const std::byte> piece = next_piece(op, gathered);
        if (++records_written_ % records_per_key == 0) {
            static_cast<void>(update_keys(false));
        }
        prepare_call();
        std::size_t written = 0;
        // A server may answer early data before the handshake is done.
        const auto write_some = established_ ? &SSL_write_ex : &SSL_write_early_data;
        if (write_some(ssl_.get(), piece.data(), piece.size(), &written) != 1) {
            fail_session();
            break;
        }
        op.accept(written);
    }
    return !failure_.has_value();
}

void engine::close_notify() {
    if (!close_sent_ && !failure_.has_value()) {
        close_sent_ = true;
        close_waits_ = !established_;
        if (!close_waits_) {
            prepare_call();
            SSL_shutdown(ssl_.get());
            ERR_clear_error();
        }
    }
}

result<void> engine::update_keys(bool ask_peer) {
    if (SSL_version(ssl_.get()) != TLS1_3_VERSION) {
        return fail(errc::not_supported, "only TLS 1.3 changes keys within a session");
    }
    ERR_clear_error();
    const int kind = ask_peer ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
    if (SSL_key_update(ssl_.get(), kind) != 1) {
        ERR_clear_error();
        return fail(errc::closed, "TLS can change its keys only while it writes");
    }
    return {};
}

int engine::bio_read(BIO* bio, char* target, std::size_t size, std::size_t* count) {
    auto& self = *static_cast<engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::span room(reinterpret_cast<std::byte*>(target), size);
    *count = self.away_.has_value() ? self.away_->take(room) : self.input_.copy_out(room);
    if (*count == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    return 1;
}

int engine::bio_write(BIO* bio, const char* source, std::size_t size, std::size_t* count) {
    auto& self = *static_cast<engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::span bytes(reinterpret_cast<const std::byte*>(source), size);
    if (self.away_.has_value()) {
        self.away_->output.insert(self.away_->output.end(), bytes.begin(), bytes.end());
    } else {
        self.output_.push_back_compact(buffer::copy_of(bytes));
    }
    *count = size;
    return 1;
}

long engine::bio_control(BIO* /*bio*/, int command, long /*number*/, void* /*argument*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* engine::bio_method() {
    static const BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "runnel flow");
        BIO_meth_set_read_ex(made, &bio_read);
        BIO_meth_set_write_ex(made, &bio_write);
        BIO_meth_set_ctrl(made, &bio_control);
        return made;
    }();
    return method;
}

/// A message of the handshake protocol came after the handshake.
void engine::note_idle_message() noexcept {
    flooded_ = flooded_ || ++idle_messages_ > idle_messages_most;
}

void engine::on_message(int sent, int /*version*/, int type, const void* data, std::size_t size,
                        SSL* ssl, void* /*argument*/) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    if (type == SSL3_RT_ALERT && size == 2 && sent == outgoing && bytes[0] == SSL3_AL_FATAL) {
        of(ssl).alert_sent_ = bytes[1];
    }
    if (type == SSL3_RT_HANDSHAKE && sent != outgoing && of(ssl).established_) {
        of(ssl).note_idle_message();
    }
}

} // namespace runnel::inline v0::tls
