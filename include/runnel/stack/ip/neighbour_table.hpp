// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/core/mac_address.hpp"
#include "runnel/core/siphash.hpp"
#include "runnel/stack/link/frame.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace runnel::inline v0::stack {

/// The states of RFC 4861 7.3.2, which suit ARP as well. Nothing is kept of an address that could
/// not be found, so that the next packet asks again.
enum class neighbour_state : std::uint8_t {
    incomplete, ///< asked for, no answer yet
    reachable,  ///< answered lately
    stale,      ///< known, but maybe not true any more: asked again when used
    probe,      ///< used, and asked whether it is still there
    permanent,  ///< set by hand
};

[[nodiscard]] std::string_view name(neighbour_state state) noexcept;

/// How neighbours are looked for.
struct neighbour_limits {
    /// Between two questions, and how many there are (RFC 4861 10).
    duration retransmit = std::chrono::seconds(1);
    std::uint32_t attempts = 3;
    /// How long an answer is believed.
    duration reachable = std::chrono::seconds(30);
    /// Entries in the table, those set by hand not counted; the one not used for longest goes.
    std::size_t capacity = 1024;
    /// Frames that wait for one neighbour to be found.
    std::size_t queue = 32;
};

/// One row, for people to read.
struct neighbour_info {
    ip_address address;
    std::optional<mac_address> mac;
    neighbour_state state{};
};

/// Who is behind which address of a link: what ARP and NDP find out, without their messages.
class neighbour_table {
public:
    /// A question to be sent: to all, or only to the one who was there before.
    struct question {
        ip_address target;
        std::optional<mac_address> to;
    };

    explicit neighbour_table(const neighbour_limits& limits = {});

    /// What is known of an address at the moment.
    struct answer {
        mac_address mac;
        time_point until; ///< when to ask the table again
    };

    /// Looks up where to send to. Nothing if it has to be found first; `questions` grows by what is
    /// to be asked, now or soon.
    [[nodiscard]] std::optional<answer> resolve(const ip_address& target, time_point now);

    /// Keeps a frame for a target that `resolve` did not know. False if there is no room for it.
    [[nodiscard]] bool wait(const ip_address& target, frame_ptr& one);

    /// The neighbour said where it is. `solicited`: it answered a question. `override`: a different
    /// address replaces the one known (RFC 4861 7.2.5; ARP always does). `create`: an unknown
    /// neighbour is remembered, too. Gives the frames that waited for it.
    frame_list learn(const ip_address& target, mac_address mac, bool solicited, bool override,
                     bool create, time_point now);

    void set_permanent(const ip_address& target, mac_address mac);
    /// Forgets a neighbour; what waited for it is dropped.
    void remove(const ip_address& target);

    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    /// Asks again, and gives up. `lost` gets the frames for neighbours that do not answer.
    void on_timer(time_point now, frame_list& lost);

    /// Questions to be sent, in order; whoever sends them clears it.
    std::vector<question> questions;

    /// Changes whenever an address that was given out is no longer right.
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
    [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
    [[nodiscard]] std::vector<neighbour_info> list() const;

private:
    static constexpr std::uint32_t none = 0xffff'ffff;
    struct entry {
        ip_address address;
        mac_address mac;
        neighbour_state state = neighbour_state::incomplete;
        std::uint32_t asked = 0;
        time_point deadline = never; // of reachable: when it becomes stale
        std::uint32_t newer = none;
        std::uint32_t older = none;
        frame_list waiting;
    };
    struct hasher {
        siphash_key secret;
        std::size_t operator()(const ip_address& address) const noexcept {
            return siphash(secret, address.to_v6().bytes());
        }
    };

    [[nodiscard]] entry* find(const ip_address& target) noexcept;
    entry& add(const ip_address& target);
    void ask(entry& about, time_point now);
    void drop(std::uint32_t place);
    void touch(std::uint32_t place) noexcept;
    void unlink(std::uint32_t place) noexcept;
    void watch(std::uint32_t place);

    neighbour_limits limits_;
    std::unordered_map<ip_address, std::uint32_t, hasher> places_;
    std::vector<entry> entries_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> asking_; // incomplete or probe
    std::uint32_t newest_ = none;
    std::uint32_t oldest_ = none;
    std::size_t learned_ = 0; // entries that are not permanent
    time_point deadline_ = never;
    std::uint32_t generation_ = 1;
};

} // namespace runnel::inline v0::stack
