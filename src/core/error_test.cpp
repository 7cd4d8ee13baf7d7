// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace runnel {
namespace {

constexpr auto first_code = errc::end;
constexpr auto last_code = errc::system_error;

std::vector<errc> all_codes() {
    std::vector<errc> codes;
    for (int value = static_cast<int>(first_code); value <= static_cast<int>(last_code); ++value) {
        codes.push_back(static_cast<errc>(value));
    }
    return codes;
}

/// A layer with a code that means a truncated stream, and one that means nothing to other layers.
class layer_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "layer"; }
    std::string message(int value) const override { return "layer " + std::to_string(value); }
    std::error_condition default_error_condition(int value) const noexcept override {
        return value == 1 ? make_error_condition(errc::truncated)
                          : std::error_condition(value, *this);
    }
};

const layer_category layer;

TEST(Errc, HasItsOwnPhraseForEveryCode) {
    std::set<std::string_view> phrases;
    for (const errc code : all_codes()) {
        EXPECT_TRUE(phrases.insert(describe(code)).second) << describe(code);
        EXPECT_NE(describe(code), "unknown error");
        EXPECT_EQ(make_error_code(code).message(), describe(code));
        EXPECT_EQ(to_errc(make_error_code(code)), code);
    }
    EXPECT_EQ(core_category().name(), std::string_view("runnel"));
}

TEST(Errc, NamesWhatTheKernelReports) {
    const std::vector<std::pair<int, errc>> expected = {
        {ECONNRESET, errc::reset},          {EPIPE, errc::reset},
        {ECONNABORTED, errc::aborted},      {ETIMEDOUT, errc::timed_out},
        {ECONNREFUSED, errc::refused},      {ENETUNREACH, errc::unreachable},
        {EHOSTUNREACH, errc::unreachable},  {ECANCELED, errc::cancelled},
        {EINVAL, errc::invalid_argument},   {EMFILE, errc::limit_exceeded},
        {ENOMEM, errc::limit_exceeded},     {ENOENT, errc::not_found},
        {EACCES, errc::permission_denied},  {EPERM, errc::permission_denied},
        {EADDRINUSE, errc::address_in_use}, {ENOSYS, errc::not_supported},
        {EPROTO, errc::protocol_error},     {EIO, errc::io_error},
        {EXDEV, errc::system_error},
    };
    for (const auto& [number, kind] : expected) {
        EXPECT_EQ(to_errc({number, std::system_category()}), kind) << number;
        EXPECT_EQ(to_errc({number, std::generic_category()}), kind) << number;
        EXPECT_EQ(error::from_errno(number).kind(), kind) << number;
    }
}

TEST(Errc, IsWhatCodesOfOtherLayersCompareWith) {
    const std::error_code truncated(1, layer);
    EXPECT_EQ(truncated, errc::truncated);
    EXPECT_NE(truncated, errc::reset);
    EXPECT_EQ(std::error_code(ECONNRESET, std::system_category()), errc::reset);
    EXPECT_NE(std::error_code(ECONNRESET, std::system_category()), errc::refused);
    EXPECT_EQ(make_error_code(errc::closed), errc::closed);
}

TEST(Errc, IsSystemErrorForCodesNobodyTranslates) {
    EXPECT_EQ(to_errc({2, layer}), errc::system_error);
    EXPECT_EQ(to_errc(std::make_error_code(std::future_errc::broken_promise)), errc::system_error);
}

TEST(Error, IsComparedByItsKindOrByItsExactCode) {
    const error refused = error::from_errno(ECONNREFUSED, "connect");
    EXPECT_EQ(refused, errc::refused);
    EXPECT_NE(refused, errc::reset);
    EXPECT_NE(refused, error(errc::refused)) << "not the same code, though of the same kind";
    EXPECT_EQ(refused, error::from_errno(ECONNREFUSED, "another text"));
    EXPECT_EQ(refused.code(), std::error_code(ECONNREFUSED, std::system_category()));
}

TEST(Error, SaysItsTextAndThenItsCode) {
    EXPECT_EQ(error(errc::closed).message(), "closed by this side");
    EXPECT_EQ(error(errc::closed).text(), "");
    EXPECT_EQ(error(errc::closed, "").text(), "");
    EXPECT_EQ(error(errc::closed, "").message(), "closed by this side");
    EXPECT_EQ(error(errc::closed, "write").text(), "write");
    EXPECT_EQ(error(errc::closed, "write").message(), "write: closed by this side");
    EXPECT_EQ(error(std::error_code(7, layer), "tls").message(), "tls: layer 7");
    EXPECT_EQ(error::from_errno(ENOENT, "open x").message(), "open x: No such file or directory");
}

TEST(Error, SharesItsTextBetweenCopies) {
    const error original(errc::reset, "a text that is too long to be stored inside of a string");
    const std::vector<error> copies(3, original);
    for (const error& copy : copies) {
        EXPECT_EQ(copy.text().data(), original.text().data());
        EXPECT_EQ(copy.message(), original.message());
    }
}

TEST(Error, KeepsItsTextUntilTheLastCopyIsGone) {
    auto original = std::make_unique<error>(errc::reset, "text");
    error copy = *original;
    error moved = std::move(*original);
    original.reset();
    EXPECT_EQ(copy.text(), "text");
    EXPECT_EQ(moved.text(), "text");
    moved = error(errc::closed);
    EXPECT_EQ(moved.message(), "closed by this side");
    EXPECT_EQ(copy.message(), "text: connection reset by the peer");
}

TEST(Error, SurvivesAssignmentToItself) {
    error value(errc::reset, "text");
    error& same = value;
    value = same;
    EXPECT_EQ(value.text(), "text");
    value = std::move(same);
    EXPECT_EQ(value.text(), "text");
}

TEST(Error, IsWrappedInWhatWasTried) {
    const error bare(errc::timed_out);
    const error inner = bare.wrap("connect");
    const error outer = inner.wrap("relay");
    EXPECT_EQ(inner.message(), "connect: timed out");
    EXPECT_EQ(outer.message(), "relay: connect: timed out");
    EXPECT_EQ(outer.code(), bare.code());
    EXPECT_EQ(bare.message(), "timed out");
}

TEST(Error, CostsNoMoreThanItsCodeAndAPointer) {
    static_assert(sizeof(error) == sizeof(std::error_code) + sizeof(void*));
    static_assert(std::is_nothrow_copy_constructible_v<error>);
    static_assert(std::is_nothrow_move_constructible_v<error>);
    static_assert(!std::is_default_constructible_v<error>);
    static_assert(std::is_convertible_v<errc, error>);
}

TEST(Result, IsMadeFromFailuresOfAllForms) {
    const auto failing = [](int form) -> result<int> {
        switch (form) {
        case 0:
            return fail(errc::closed);
        case 1:
            return fail(errc::closed, "text");
        case 2:
            return fail(error(errc::closed));
        default:
            return 7;
        }
    };
    EXPECT_EQ(failing(0).error(), errc::closed);
    EXPECT_EQ(failing(1).error().text(), "text");
    EXPECT_EQ(failing(2).error(), errc::closed);
    EXPECT_EQ(failing(3).value(), 7);
}

} // namespace
} // namespace runnel
