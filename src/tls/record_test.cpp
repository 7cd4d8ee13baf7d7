// SPDX-License-Identifier: Apache-2.0
//
// Records that no sound peer sends, made with the right keys or without.

#include "test_engines.hpp"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>

namespace runnel::tls {
namespace {

using bytes = std::basic_string<unsigned char>;

bytes from_hex(std::string_view text) {
    bytes all;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        all += static_cast<unsigned char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    }
    return all;
}

/// HKDF-Expand-Label (RFC 8446, section 7.1), without a context.
bytes expand(const bytes& secret, const std::string& label, std::size_t size) {
    std::string info{0, static_cast<char>(size), static_cast<char>(6 + label.size())};
    info += "tls13 " + label;
    info += '\0';
    EVP_KDF* method = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    EVP_KDF_CTX* run = EVP_KDF_CTX_new(method);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    std::array params{
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                          const_cast<unsigned char*>(secret.data()), secret.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
        OSSL_PARAM_construct_end()};
    bytes out(size, 0);
    EXPECT_EQ(EVP_KDF_derive(run, out.data(), size, params.data()), 1);
    EVP_KDF_CTX_free(run);
    EVP_KDF_free(method);
    return out;
}

/// Makes records of TLS 1.3 with the keys that a client writes with, whatever stands in them.
class forger {
public:
    explicit forger(const bytes& secret)
        : key_(expand(secret, "key", 16)), iv_(expand(secret, "iv", 12)) {}

    /// A record of this inner plaintext: content, its type, and zeros.
    buffer seal(std::string_view inner) {
        constexpr std::size_t tag = 16;
        const std::size_t length = inner.size() + tag;
        bytes record{0x17, 3, 3, static_cast<unsigned char>(length >> 8U),
                     static_cast<unsigned char>(length)};
        const std::size_t header = record.size();
        bytes nonce = iv_;
        nonce[11] = static_cast<unsigned char>(nonce[11] ^ number_++);
        record.resize(header + length);
        EVP_CIPHER_CTX* run = EVP_CIPHER_CTX_new();
        int count = 0;
        EVP_EncryptInit_ex(run, EVP_aes_128_gcm(), nullptr, key_.data(), nonce.data());
        EVP_EncryptUpdate(run, nullptr, &count, record.data(), static_cast<int>(header));
        EVP_EncryptUpdate(run, record.data() + header, &count,
                          reinterpret_cast<const unsigned char*>(inner.data()),
                          static_cast<int>(inner.size()));
        EVP_EncryptFinal_ex(run, record.data() + header + inner.size(), &count);
        EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_GET_TAG, tag, record.data() + header + inner.size());
        EVP_CIPHER_CTX_free(run);
        return buffer::copy_of(
            std::string_view(reinterpret_cast<const char*>(record.data()), record.size()));
    }

private:
    bytes key_;
    bytes iv_;
    unsigned char number_ = 0;
};

class Records : public testing::Test {
protected:
    Records() {
        client_options options = all_.client();
        options.resumption = false;
        from_.emplace(client_config::make(options).value());
    }

    /// What the server makes of these inner plaintexts of a client.
    error judge(std::string_view inner, int times = 1) {
        secret().clear();
        engine_pair pair(*from_, to_, [](SSL* client, SSL*) {
            SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(client), &note_secret);
        });
        EXPECT_FALSE(secret().empty());
        forger client(secret());
        for (int i = 0; i < times; ++i) {
            pair.b.receive(client.seal(inner));
        }
        buffer data;
        while (pair.b.read(data, 0) == engine::status::done) {
            read_ += data.view();
        }
        return pair.b.read_end().value_or(errc::end);
    }

    /// What the two sides make of suites and groups that each has set.
    void disagree(const std::function<void(SSL* client, SSL* server)>& change) {
        engine_pair pair(*from_, to_, change);
        ASSERT_TRUE(pair.b.failure().has_value());
        EXPECT_EQ(pair.b.failure()->code(), make_error_code(fault::no_common_suite))
            << pair.b.failure()->message();
        ASSERT_TRUE(pair.a.failure().has_value());
        constexpr std::uint8_t handshake_failure = 40;
        EXPECT_EQ(pair.a.failure()->code(), received_alert(handshake_failure));
    }

    test_authority all_;
    std::optional<client_config> from_;
    server_config to_ = server_config::make(all_.server()).value();
    std::string read_;

private:
    static bytes& secret() {
        static bytes one;
        return one;
    }
    static void note_secret(const SSL* /*ssl*/, const char* line) {
        const std::string_view text(line);
        if (text.starts_with("CLIENT_TRAFFIC_SECRET_0")) {
            secret() = from_hex(text.substr(text.rfind(' ') + 1));
        }
    }
};

std::string record_of(std::string_view content, char type, std::size_t zeros = 0) {
    return std::string(content) + type + std::string(zeros, '\0');
}

constexpr char alert = 21;
constexpr char handshake = 22;
constexpr char application_data = 23;

TEST_F(Records, PaddingIsTakenOff) {
    EXPECT_EQ(judge(record_of("padded", application_data, 300)), errc::end);
    EXPECT_EQ(read_, "padded");
}

TEST_F(Records, PaddingWithoutContentEndsTheSession) {
    EXPECT_EQ(judge(std::string(40, '\0')), errc::protocol_error);
}

TEST_F(Records, ARecordWithTooMuchPlaintextEndsTheSession) {
    EXPECT_EQ(judge(record_of(std::string(16384, 'x'), application_data)), errc::end);
    EXPECT_EQ(read_.size(), 16384U);
    EXPECT_EQ(judge(record_of(std::string(16385, 'x'), application_data)), errc::protocol_error);
}

TEST_F(Records, AnUnknownKindOfContentEndsTheSession) {
    EXPECT_EQ(judge(record_of("x", 99)), errc::protocol_error);
}

TEST_F(Records, AFewEmptyRecordsAreBorneAndAFloodIsNot) {
    EXPECT_EQ(judge(record_of("", application_data), 20), errc::end);
    EXPECT_EQ(judge(record_of("", application_data), 40).code(), make_error_code(fault::flood));
}

TEST_F(Records, AFloodOfWarningsEndsTheSession) {
    const std::string user_canceled = record_of(std::string("\x01\x5a", 2), alert);
    EXPECT_EQ(judge(user_canceled, 40).code(), make_error_code(fault::flood));
}

TEST_F(Records, AMessageThatOnlyAServerSendsEndsTheSession) {
    const std::string ticket = record_of(std::string("\x04\x00\x00\x01\x00", 5), handshake);
    EXPECT_EQ(judge(ticket), errc::protocol_error);
}

TEST_F(Records, WithoutACommonSuiteOrGroupThereIsNoSession) {
    disagree([](SSL* client, SSL* server) {
        SSL_set_ciphersuites(client, "TLS_CHACHA20_POLY1305_SHA256");
        SSL_set_ciphersuites(server, "TLS_AES_128_GCM_SHA256");
    });
    disagree([](SSL* client, SSL* server) {
        SSL_set_max_proto_version(client, TLS1_2_VERSION);
        SSL_set_cipher_list(client, "ECDHE-ECDSA-AES128-GCM-SHA256");
        SSL_set_cipher_list(server, "ECDHE-ECDSA-AES256-GCM-SHA384");
    });
    disagree([](SSL* client, SSL* server) {
        SSL_set1_groups_list(client, "P-256");
        SSL_set1_groups_list(server, "X25519");
    });
}

TEST_F(Records, AFloodOfKeyUpdatesEndsTheSession) {
    engine_pair pair(*from_, to_);
    EXPECT_EQ(engine_pair::read_from(pair.b), engine::status::blocked);
    for (int i = 0; i < 40; ++i) {
        EXPECT_TRUE(pair.a.update_keys(false));
        static_cast<void>(pair.a.handshake()); // sends it without data
        engine_pair::carry(pair.a, pair.b);
    }
    ASSERT_EQ(engine_pair::read_from(pair.b), engine::status::finished);
    EXPECT_EQ(pair.b.read_end()->code(), make_error_code(fault::flood));
}

TEST_F(Records, AFirstFlightBringsItsEarlyDataOnce) {
    server_options accepting = all_.server();
    accepting.early_data_most = 1000;
    const auto to = server_config::make(accepting).value();
    const auto from = client_config::make(all_.client()).value();
    engine_pair first(from, to); // leaves a ticket
    ASSERT_EQ(engine_pair::read_from(first.a), engine::status::blocked);
    auto ready = prepare_client(from, "server.test").value();
    engine client(std::move(ready.ssl));
    client.send_early(buffer::copy_of("question"));
    EXPECT_EQ(client.handshake(), engine::status::blocked);
    std::string flight;
    while (!client.output().empty()) {
        flight += client.output().pop_front().view();
    }
    for (const bool replayed : {false, true}) {
        auto prepared = prepare_server(replayed ? to.renewed(accepting).value() : to).value();
        engine server(std::move(prepared.ssl));
        server.accept_early();
        server.receive(buffer::copy_of(flight));
        const auto expected = replayed ? engine::status::blocked : engine::status::done;
        EXPECT_EQ(server.handshake(), expected);
        EXPECT_EQ(server.early_bytes(), replayed ? 0U : 8U);
        buffer data;
        EXPECT_EQ(server.read(data, 0), expected);
        EXPECT_EQ(data.view(), replayed ? "" : "question");
        EXPECT_TRUE(server.shakes_hands());
    }
}

TEST_F(Records, AnOversizeRecordEndsTheSession) {
    engine_pair pair(*from_, to_);
    std::string record("\x17\x03\x03\x48\x00", 5);
    record.resize(5 + 0x4800, 'x');
    pair.b.receive(buffer::copy_of(record));
    ASSERT_EQ(engine_pair::read_from(pair.b), engine::status::finished);
    EXPECT_EQ(pair.b.read_end()->kind(), errc::protocol_error);
}

TEST_F(Records, AnEmptyForgedRecordEndsTheSession) {
    engine_pair pair(*from_, to_);
    pair.b.receive(buffer::copy_of(std::string("\x17\x03\x03\x00\x00", 5)));
    ASSERT_EQ(engine_pair::read_from(pair.b), engine::status::finished);
    EXPECT_EQ(pair.b.read_end()->kind(), errc::protocol_error);
}

TEST_F(Records, APieceOfARecordIsWaitedFor) {
    engine_pair pair(*from_, to_);
    pair.b.receive(buffer::copy_of(std::string("\x17\x03", 2)));
    EXPECT_EQ(engine_pair::read_from(pair.b), engine::status::blocked);
    pair.b.receive_end(errc::end);
    ASSERT_EQ(engine_pair::read_from(pair.b), engine::status::finished);
    EXPECT_EQ(*pair.b.read_end(), errc::truncated);
}

TEST_F(Records, TheEndAtEveryByteOfARecordIsATruncation) {
    engine_pair pair(*from_, to_);
    const std::string text("a record of some length");
    std::array<std::byte, 64> plain{};
    std::memcpy(plain.data(), text.data(), text.size());
    std::size_t written = 0;
    ASSERT_EQ(SSL_write_ex(pair.a.ssl(), plain.data(), text.size(), &written), 1);
    const buffer record = pair.a.output().pop_front();
    for (std::size_t i = 0; i + 1 < record.size(); ++i) {
        pair.b.receive(record.share(i, 1));
        ASSERT_EQ(engine_pair::read_from(pair.b), engine::status::blocked) << i;
    }
    pair.b.receive_end(errc::end);
    ASSERT_EQ(engine_pair::read_from(pair.b), engine::status::finished);
    EXPECT_EQ(*pair.b.read_end(), errc::truncated);
}

} // namespace
} // namespace runnel::tls
