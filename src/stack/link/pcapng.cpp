// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/pcapng.hpp"

#include "link_wrapper.hpp"
#include "runnel/core/byte_order.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace runnel::inline v0::stack {
namespace {

// Section 4 of the draft. All numbers are little-endian, as the magic number in the head says.
constexpr std::uint32_t section_header_block = 0x0a0d0d0a;
constexpr std::uint32_t interface_description_block = 1;
constexpr std::uint32_t enhanced_packet_block = 6;
constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::uint16_t link_type_ethernet = 1;
constexpr std::uint16_t link_type_raw_ip = 101;
constexpr std::uint16_t option_end = 0;
constexpr std::uint16_t option_comment = 1;
constexpr std::uint16_t option_packet_flags = 2;
constexpr std::uint16_t option_interface_name = 2;
constexpr std::uint16_t option_time_resolution = 9;
constexpr std::byte nanoseconds{9}; // ten to the minus nine
constexpr std::size_t max_comment = 1024;

class capturing_link final : public link_wrapper<captured_link> {
public:
    capturing_link(std::unique_ptr<link> inner, pcapng_writer& writer, std::string_view name,
                   bool explained)
        : inner_(std::move(inner)), writer_(writer),
          number_(writer.add_interface(name, inner_->properties().medium)), explained_(explained) {}
    ~capturing_link() override { write_unexplained(); }

    bool send(frame_list burst, time_point now) override {
        write_unexplained();
        burst.for_each([&](const frame& one) {
            writer_.write(number_, one, now, capture_direction::outbound);
        });
        return inner_->send(std::move(burst), now);
    }
    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        write_unexplained();
        frame_list burst = inner_->receive(limit, now);
        burst.for_each([&](const frame& one) {
            if (explained_) {
                unexplained_.push_back(one.clone());
            } else {
                writer_.write(number_, one, one.arrived, capture_direction::inbound);
            }
        });
        return burst;
    }
    void explain(std::string_view comment) override {
        if (!unexplained_.empty()) {
            write_oldest(comment);
        }
    }

private:
    [[nodiscard]] link& inner() noexcept override { return *inner_; }
    [[nodiscard]] const link& inner() const noexcept override { return *inner_; }

    void write_oldest(std::string_view comment) {
        const frame_ptr one = unexplained_.pop_front();
        writer_.write(number_, *one, one->arrived, capture_direction::inbound, comment);
    }
    void write_unexplained() {
        while (!unexplained_.empty()) {
            write_oldest({});
        }
    }

    std::unique_ptr<link> inner_;
    pcapng_writer& writer_;
    std::uint32_t number_;
    bool explained_;
    frame_list unexplained_; // as they came, before headers were taken off
};

} // namespace

pcapng_writer::pcapng_writer(sink out, duration epoch, std::uint32_t snap_length)
    : out_(std::move(out)), epoch_(epoch), snap_length_(snap_length) {
    begin(section_header_block);
    put32(byte_order_magic);
    put16(1); // version 1.0
    put16(0);
    put32(0xffff'ffff); // the length of the section is not known
    put32(0xffff'ffff);
    finish();
}

std::uint32_t pcapng_writer::add_interface(std::string_view name, link_medium medium) {
    const std::lock_guard lock(guard_);
    begin(interface_description_block);
    put16(medium == link_medium::ethernet ? link_type_ethernet : link_type_raw_ip);
    put16(0);
    put32(snap_length_);
    put_option(option_interface_name, as_bytes(name));
    put_option(option_time_resolution, {&nanoseconds, 1});
    put_option(option_end, {});
    finish();
    return interfaces_++;
}

void pcapng_writer::write(std::uint32_t interface, const frame& one, time_point when,
                          capture_direction direction, std::string_view comment) {
    const std::lock_guard lock(guard_);
    check(interface < interfaces_, "a capture knows the link");
    const auto time = static_cast<std::uint64_t>((when.time_since_epoch() + epoch_).count());
    const std::size_t kept = std::min<std::size_t>(one.size(), snap_length_);
    begin(enhanced_packet_block);
    put32(interface);
    put32(static_cast<std::uint32_t>(time >> 32U));
    put32(static_cast<std::uint32_t>(time));
    put32(static_cast<std::uint32_t>(kept));
    put32(static_cast<std::uint32_t>(one.size()));
    const std::size_t at = block_.size();
    block_.resize(at + (kept + 3) / 4 * 4);
    one.copy_out(0, std::span(block_).subspan(at, kept));
    if (direction != capture_direction::unknown) {
        std::array<std::byte, 4> flags{};
        store_le32(flags.data(), direction == capture_direction::inbound ? 1 : 2);
        put_option(option_packet_flags, flags);
    }
    if (!comment.empty()) {
        put_option(option_comment, as_bytes(comment.substr(0, max_comment)));
    }
    put_option(option_end, {});
    finish();
}

void pcapng_writer::begin(std::uint32_t type) {
    block_.clear();
    put32(type);
    put32(0); // the length, once it is known
}

void pcapng_writer::put16(std::uint16_t value) {
    block_.resize(block_.size() + 2);
    store_le16(block_.data() + block_.size() - 2, value);
}

void pcapng_writer::put32(std::uint32_t value) {
    block_.resize(block_.size() + 4);
    store_le32(block_.data() + block_.size() - 4, value);
}

void pcapng_writer::put_padded(std::span<const std::byte> bytes) {
    const std::size_t at = block_.size();
    block_.resize(at + (bytes.size() + 3) / 4 * 4);
    std::copy(bytes.begin(), bytes.end(), block_.data() + at);
}

void pcapng_writer::put_option(std::uint16_t code, std::span<const std::byte> value) {
    put16(code);
    put16(static_cast<std::uint16_t>(value.size()));
    put_padded(value);
}

void pcapng_writer::finish() {
    put32(static_cast<std::uint32_t>(block_.size() + 4));
    store_le32(block_.data() + 4, static_cast<std::uint32_t>(block_.size()));
    out_(block_);
}

std::unique_ptr<captured_link> capture_link(std::unique_ptr<link> inner, pcapng_writer& writer,
                                            std::string_view name, bool explained) {
    return std::make_unique<capturing_link>(std::move(inner), writer, name, explained);
}

} // namespace runnel::inline v0::stack
