// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/qemu_link.hpp"

#include "frame_splitter.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/stack/stack_definition.hpp"
#include "runnel/stack/tcp_flow.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;
using mode = qemu_link_options::mode;

std::string framed(std::string_view content) {
    const auto size = static_cast<std::uint32_t>(content.size());
    std::string text;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        text += static_cast<char>(size >> shift);
    }
    return text + std::string(content);
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string text_of(const frame& one) {
    std::string text(one.size(), '\0');
    one.copy_out(0, std::as_writable_bytes(std::span(text)));
    return text;
}

frame_list burst_of(const std::vector<std::string>& texts) {
    frame_list burst;
    for (const std::string& text : texts) {
        frame_ptr one = frame::make();
        one->add(buffer::copy_of(text));
        burst.push_back(std::move(one));
    }
    return burst;
}

TEST(FrameSplitter, FindsFramesHoweverTheStreamIsCut) {
    const std::string stream = framed("one") + framed("") + framed(std::string(3000, 'x')) +
                               framed(std::string(frame_splitter::max_frame, 'y')) + framed("end");
    for (const std::size_t step : {1U, 2U, 5U, 1000U, 100'000U}) {
        frame_splitter splitter;
        std::vector<std::size_t> sizes;
        for (std::size_t at = 0; at < stream.size();) {
            const std::span<std::byte> room = splitter.room();
            const std::size_t part = std::min({step, room.size(), stream.size() - at});
            std::memcpy(room.data(), stream.data() + at, part);
            splitter.filled(part);
            at += part;
            while (const auto found = splitter.next()) {
                sizes.push_back(found->size());
            }
        }
        EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3000, frame_splitter::max_frame, 3})) << step;
        EXPECT_FALSE(splitter.broken());
    }
}

TEST(FrameSplitter, StopsAtALengthThatCannotBe) {
    frame_splitter splitter;
    const std::string stream = framed("fine") + std::string("\x00\x01\x10\x01rest", 8);
    std::memcpy(splitter.room().data(), stream.data(), stream.size());
    splitter.filled(stream.size());
    EXPECT_EQ(text_of(splitter.next().value()), "fine");
    EXPECT_FALSE(splitter.next());
    EXPECT_TRUE(splitter.broken());
}

/// The machine's side of a port: a Unix socket.
class machine {
public:
    explicit machine(int type) : fd_(::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
    explicit machine(int fd, bool /*open*/) : fd_(fd) {}
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;
    ~machine() { ::close(fd_); }

    static sockaddr_un place(const std::string& path) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        path.copy(at.sun_path, sizeof at.sun_path - 1);
        return at;
    }
    [[nodiscard]] bool connect(const std::string& path) const {
        const sockaddr_un at = place(path);
        return ::connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
    }
    [[nodiscard]] bool bind(const std::string& path) const {
        const sockaddr_un at = place(path);
        return ::bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
    }
    [[nodiscard]] bool listen(const std::string& path) const {
        return bind(path) && ::listen(fd_, 1) == 0;
    }
    [[nodiscard]] int accept() const { return ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK); }
    void put(std::string_view text) const {
        EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    /// What is there now; "(end)" behind it if nothing follows.
    [[nodiscard]] std::string get() const {
        std::string all;
        std::vector<char> part(std::size_t{256} * 1024);
        for (;;) {
            const ssize_t got = ::recv(fd_, part.data(), part.size(), 0);
            if (got <= 0) {
                return got == 0 ? all + "(end)" : all;
            }
            all.append(part.data(), static_cast<std::size_t>(got));
        }
    }

private:
    int fd_;
};

class QemuLink : public testing::Test {
protected:
    void SetUp() override {
        folder_ = testing::TempDir() + "runnel-port-XXXXXX";
        ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
        loop_ = loop::create({.backend = backend_kind::epoll}).value();
    }
    void TearDown() override {
        for (const char* name : {"a", "b"}) {
            ::unlink(at(name).c_str());
        }
        EXPECT_EQ(::rmdir(folder_.c_str()), 0);
    }

    [[nodiscard]] std::string at(const std::string& name) const { return folder_ + "/" + name; }
    [[nodiscard]] result<std::unique_ptr<stack::link>> open(mode how, const std::string& path,
                                                            const std::string& peer = {}) {
        qemu_link_options options;
        options.how = how;
        options.path = path;
        options.peer = peer;
        return open_qemu_link(*loop_, options);
    }
    /// The frames that have come.
    static std::vector<std::string> fetch(stack::link& from, time_point now = {}) {
        std::vector<std::string> texts;
        from.receive(100, now).for_each([&](const frame& one) { texts.push_back(text_of(one)); });
        return texts;
    }

    std::string folder_;
    std::unique_ptr<loop> loop_;
};

using texts = std::vector<std::string>;

TEST_F(QemuLink, CarriesFramesForAMachineThatConnects) {
    auto opened = open(mode::listen, at("a"));
    ASSERT_TRUE(opened) << opened.error().message();
    stack::link& port = **opened;
    EXPECT_EQ(fetch(port), texts{});
    port.send(burst_of({"to nobody"}), {});
    EXPECT_EQ(port.statistics().frames_lost, 1U);
    const machine guest(SOCK_STREAM);
    ASSERT_TRUE(guest.connect(at("a")));
    guest.put(framed("first") + framed("second") + framed("third").substr(0, 6));
    EXPECT_EQ(fetch(port), (texts{"first", "second"}));
    guest.put(framed("third").substr(6));
    EXPECT_EQ(fetch(port), texts{"third"});
    EXPECT_TRUE(port.send(burst_of({"one", "another"}), {}));
    EXPECT_EQ(guest.get(), framed("one") + framed("another"));
    EXPECT_EQ(port.statistics().frames_sent, 2U);
    EXPECT_EQ(port.statistics().frames_received, 3U);
    opened->reset();
    EXPECT_NE(::access(at("a").c_str(), F_OK), 0) << "the socket is removed";
}

TEST_F(QemuLink, LosesAMachineThatMakesNoSenseAndTakesTheNext) {
    auto opened = open(mode::listen, at("a"));
    ASSERT_TRUE(opened);
    stack::link& port = **opened;
    {
        const machine mad(SOCK_STREAM);
        ASSERT_TRUE(mad.connect(at("a")));
        mad.put(framed("fine") + "\xff\xff\xff\xff");
        EXPECT_EQ(fetch(port), texts{"fine"});
        EXPECT_EQ(mad.get(), "(end)");
    }
    const machine sane(SOCK_STREAM);
    ASSERT_TRUE(sane.connect(at("a")));
    sane.put(framed("again"));
    EXPECT_EQ(fetch(port), texts{"again"});
}

TEST_F(QemuLink, IsNotKeptBusyByFramesOfNothing) {
    auto opened = open(mode::listen, at("a"));
    ASSERT_TRUE(opened);
    const machine guest(SOCK_STREAM);
    ASSERT_TRUE(guest.connect(at("a")));
    guest.put(std::string(100'000, '\0') + framed("something"));
    texts come;
    for (int turn = 0; turn < 10 && come.empty(); ++turn) {
        come = fetch(**opened);
    }
    EXPECT_EQ(come, texts{"something"});
}

TEST_F(QemuLink, ConnectsToAMachineAndAgainWhenItIsGone) {
    EXPECT_FALSE(open(mode::connect, at("a"))) << "nobody is there";
    const machine listening(SOCK_STREAM);
    ASSERT_TRUE(listening.listen(at("a")));
    auto opened = open(mode::connect, at("a"));
    ASSERT_TRUE(opened) << opened.error().message();
    stack::link& port = **opened;
    {
        const machine first(listening.accept(), true);
        first.put(framed("hello"));
        EXPECT_EQ(fetch(port), texts{"hello"});
        EXPECT_EQ(port.deadline(), never);
    }
    EXPECT_EQ(fetch(port, time_point(5s)), texts{});
    EXPECT_EQ(port.deadline(), time_point(6s));
    EXPECT_EQ(fetch(port, time_point(5500ms)), texts{}) << "not yet";
    EXPECT_LT(listening.accept(), 0);
    EXPECT_EQ(fetch(port, time_point(6s)), texts{});
    const machine second(listening.accept(), true);
    second.put(framed("back"));
    EXPECT_EQ(fetch(port, time_point(6s)), texts{"back"});
}

TEST_F(QemuLink, KeepsFramesInOrderWhileTheMachineIsSlow) {
    auto opened = open(mode::listen, at("a"));
    ASSERT_TRUE(opened);
    stack::link& port = **opened;
    const machine guest(SOCK_STREAM);
    ASSERT_TRUE(guest.connect(at("a")));
    EXPECT_EQ(fetch(port), texts{});
    std::string expected;
    int number = 0;
    while (port.writable() && number < 100'000) {
        const std::string text = std::to_string(number++) + std::string(1400, '.');
        expected += framed(text);
        port.send(burst_of({text}), {});
    }
    ASSERT_FALSE(port.writable()) << "the socket has a bound";
    port.send(burst_of({"this waits, too"}), {});
    expected += framed("this waits, too");
    std::string come;
    const auto drain = [&]() -> task<void> {
        while (come.size() < expected.size()) {
            come += guest.get();
            co_await sleep_for(1ms);
            EXPECT_TRUE(port.receive(9, {}).empty());
        }
    };
    loop_->run(drain());
    EXPECT_TRUE(come == expected);
    EXPECT_TRUE(port.writable());
    EXPECT_EQ(port.statistics().frames_lost, 0U);
}

TEST_F(QemuLink, ReplacesASocketThatWasLeftBehindAndNoOther) {
    {
        const machine gone(SOCK_STREAM);
        ASSERT_TRUE(gone.listen(at("a")));
    }
    auto opened = open(mode::listen, at("a"));
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(open(mode::listen, at("a")).error(), errc::address_in_use);
    EXPECT_EQ(open(mode::listen, "").error(), errc::invalid_argument);
    EXPECT_EQ(open(mode::listen, std::string(108, 'x')).error(), errc::invalid_argument);
}

TEST_F(QemuLink, CarriesAFrameInADatagram) {
    auto opened = open(mode::datagram, at("a"), at("b"));
    ASSERT_TRUE(opened) << opened.error().message();
    stack::link& port = **opened;
    port.send(burst_of({"to nobody"}), {});
    EXPECT_EQ(port.statistics().frames_lost, 1U);
    for (int life = 0; life < 2; ++life) { // a machine may come again
        const machine guest(SOCK_DGRAM);
        ASSERT_TRUE(guest.bind(at("b")));
        ASSERT_TRUE(guest.connect(at("a")));
        guest.put("one");
        guest.put("another");
        guest.put(std::string(frame_splitter::max_frame + 1, 'x'));
        EXPECT_EQ(fetch(port), (texts{"one", "another"})) << "and what is too long is lost";
        port.send(burst_of({"answer"}), {});
        EXPECT_EQ(guest.get(), "answer");
        ::unlink(at("b").c_str());
    }
}

/// Sends much from one host to another, over links between them.
task<void> transfer_between(std::string first, std::string second) {
    const auto server = open_stack(*stack_definition::parse(first));
    const auto client = open_stack(*stack_definition::parse(second));
    if (!server || !client) {
        ADD_FAILURE() << (server ? client : server).error().message();
        co_return;
    }
    const ip_endpoint place(ipv4_address(10, 0, 0, 1), 80);
    auto listening = stack::listen((*server)->tcp(), place);
    auto opened =
        co_await when_all(stack::connect((*client)->tcp(), place), (*listening)->accept());
    if (!std::get<0>(opened) || !std::get<1>(opened)) {
        ADD_FAILURE() << "no connection";
        co_return;
    }
    flow& from = **std::get<0>(opened);
    flow& to = **std::get<1>(opened);
    const auto send = [&]() -> task<void> {
        const buffer block = buffer::copy_of(std::string(1'000'000, 'x'));
        EXPECT_TRUE(co_await from.write(block.share()));
        EXPECT_TRUE(co_await from.shutdown(direction::write));
    };
    std::size_t come = 0;
    const auto receive = [&]() -> task<void> {
        for (;;) {
            const auto data = co_await to.read();
            if (!data) {
                EXPECT_EQ(data.error(), errc::end);
                co_return;
            }
            come += data->size();
        }
    };
    co_await when_all(send(), receive());
    EXPECT_EQ(come, 1'000'000U);
}

TEST_F(QemuLink, JoinsHostsOverAStream) {
    loop_->run(transfer_between("a=qemu:" + at("a") + ",address=10.0.0.1/24",
                                "b=qemu-connect:" + at("a") + ",address=10.0.0.2/24"));
}

TEST_F(QemuLink, JoinsHostsOverDatagrams) {
    loop_->run(
        transfer_between("a=qemu-dgram:" + at("a") + ",peer=" + at("b") + ",address=10.0.0.1/24",
                         "b=qemu-dgram:" + at("b") + ",peer=" + at("a") + ",address=10.0.0.2/24"));
}

} // namespace
