// SPDX-License-Identifier: Apache-2.0
#include "test_pair.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <tuple>

namespace runnel::tls {
namespace {

using namespace std::chrono_literals;

error error_of(const result<session_ptr>& outcome) {
    EXPECT_FALSE(outcome.has_value());
    return outcome ? error(errc::system_error) : outcome.error();
}

bool is(const error& what, fault which) {
    return what.code() == make_error_code(which);
}

/// What a client says about a server with this certificate.
error refusal_of(test_authority& all, const certificate_request& request,
                 const std::string& host = "server.test") {
    server_options server;
    server.identities.push_back(make_certificate(all.authority, request).value());
    return error_of(shake_hands(all.client(), server, host).client);
}

certificate_request request_for(const std::string& name) {
    certificate_request request;
    request.names = {name};
    return request;
}

TEST(Tls, SaysWhatWasNegotiated) {
    test_authority all;
    client_options client = all.client();
    server_options server = all.server();
    client.alpn = {"h2", "http/1.1"};
    server.alpn = {"http/1.1", "h2"};
    const handshakes done = shake_hands(client, server);
    ASSERT_TRUE(done.client && done.server);
    EXPECT_EQ(done.client_info.version, version::tls_1_3);
    EXPECT_EQ(done.client_info.suite, "TLS_AES_128_GCM_SHA256");
    EXPECT_EQ(done.client_info.alpn, "http/1.1");
    EXPECT_EQ(done.server_info.alpn, "http/1.1");
    EXPECT_EQ(done.server_info.server_name, "server.test");
    EXPECT_TRUE(done.client_info.verified);
    EXPECT_EQ(done.client_info.peer_chain.size(), 1U);
    EXPECT_TRUE(done.server_info.peer_chain.empty());
}

TEST(Tls, EveryKindOfKeyWorksInBothVersions) {
    test_authority all;
    for (const key_kind key : {key_kind::ecdsa_p256, key_kind::ecdsa_p384, key_kind::ed25519,
                               key_kind::rsa_2048, key_kind::rsa_3072}) {
        for (const version only : {version::tls_1_2, version::tls_1_3}) {
            certificate_request request = request_for("server.test");
            request.key = key;
            server_options server;
            server.identities.push_back(make_certificate(all.authority, request).value());
            server.least = server.greatest = only;
            const handshakes done = shake_hands(all.client(), server);
            EXPECT_TRUE(done.client && done.server) << static_cast<int>(key);
            EXPECT_EQ(done.client_info.version, only);
        }
    }
}

TEST(Tls, EachFaultOfACertificateHasAnErrorOfItsOwn) {
    test_authority all;
    EXPECT_TRUE(is(refusal_of(all, request_for("other.test")), fault::wrong_name));
    EXPECT_TRUE(is(refusal_of(all, request_for("10.0.0.1"), "10.0.0.2"), fault::wrong_name));
    certificate_request request = request_for("server.test");
    request.valid_from = -48h;
    request.valid_for = -24h;
    EXPECT_TRUE(is(refusal_of(all, request), fault::expired));
    request.valid_from = 24h;
    request.valid_for = 48h;
    EXPECT_TRUE(is(refusal_of(all, request), fault::not_yet_valid));
    request = request_for("server.test");
    request.use = certificate_use::client;
    EXPECT_TRUE(is(refusal_of(all, request), fault::wrong_usage));
}

TEST(Tls, NamesTheCertificateThatItRefuses) {
    test_authority all;
    const std::string words = refusal_of(all, request_for("other.test")).message();
    EXPECT_NE(words.find("other.test"), std::string::npos) << words;
    EXPECT_NE(words.find("for another name"), std::string::npos) << words;
}

TEST(Tls, AWeakKeyIsRefusedByTheServerThatWouldShowIt) {
    test_authority all;
    certificate_request request = request_for("server.test");
    request.key = key_kind::rsa_1024;
    server_options server;
    server.identities.push_back(make_certificate(all.authority, request).value());
    const auto made = server_config::make(server);
    ASSERT_FALSE(made.has_value());
    EXPECT_TRUE(is(made.error(), fault::bad_credentials));
    EXPECT_NE(made.error().message().find("too small"), std::string::npos);
}

TEST(Tls, AnUnknownAuthorityAndASelfSignedCertificateAreToldApart) {
    test_authority all;
    test_authority strangers;
    server_options server = strangers.server();
    EXPECT_TRUE(is(error_of(shake_hands(all.client(), server).client), fault::broken_chain));
    server.identities = {strangers.server().identities[0]};
    server.identities[0].chain += strangers.authority.chain;
    EXPECT_TRUE(is(error_of(shake_hands(all.client(), server).client), fault::unknown_authority));
    server.identities = {make_self_signed(request_for("server.test")).value()};
    EXPECT_TRUE(is(error_of(shake_hands(all.client(), server).client), fault::self_signed));
}

TEST(Tls, ARevokedCertificateIsRefused) {
    test_authority all;
    const server_options server = all.server();
    client_options client = all.client();
    client.revocation_lists = make_revocation_list(all.authority, {}).value();
    EXPECT_TRUE(shake_hands(client, server).client);
    client.revocation_lists =
        make_revocation_list(all.authority, {server.identities[0].chain}).value();
    EXPECT_TRUE(is(error_of(shake_hands(client, server).client), fault::revoked));
    client.revocation_lists = make_revocation_list(make_authority("another").value(), {}).value();
    EXPECT_TRUE(is(error_of(shake_hands(client, server).client), fault::no_revocation_list));
}

TEST(Tls, AStapledOcspResponseIsChecked) {
    test_authority all;
    server_options server = all.server();
    client_options client = all.client();
    for (const version only : {version::tls_1_2, version::tls_1_3}) {
        server.least = server.greatest = only;
        client.staple = staple_check::required;
        server.ocsp_response.clear();
        EXPECT_TRUE(is(error_of(shake_hands(client, server).client), fault::staple_missing));
        server.ocsp_response = make_ocsp_response(all.authority, all.own.chain, false).value();
        const handshakes good = shake_hands(client, server);
        EXPECT_TRUE(good.client && good.server);
        client.staple = staple_check::checked;
        server.ocsp_response = make_ocsp_response(all.authority, all.own.chain, true).value();
        EXPECT_TRUE(is(error_of(shake_hands(client, server).client), fault::revoked));
        server.ocsp_response =
            make_ocsp_response(test_authority().authority, all.own.chain, false).value();
        EXPECT_TRUE(is(error_of(shake_hands(client, server).client), fault::bad_staple));
        const auto other = make_certificate(all.authority, request_for("other.test")).value();
        server.ocsp_response = make_ocsp_response(all.authority, other.chain, false).value();
        EXPECT_TRUE(is(error_of(shake_hands(client, server).client), fault::bad_staple));
        server.ocsp_response = "rubbish";
        EXPECT_TRUE(is(error_of(shake_hands(client, server).client), fault::bad_staple));
        client.staple = staple_check::ignored;
        EXPECT_TRUE(shake_hands(client, server).client);
    }
}

TEST(Tls, ThePeerLearnsByAnAlertWhatIsWrong) {
    test_authority all;
    const handshakes done = shake_hands(all.client(), all.server(), "other.test");
    ASSERT_FALSE(done.server.has_value());
    constexpr std::uint8_t bad_certificate = 42;
    EXPECT_EQ(done.server.error().code(), received_alert(bad_certificate));
    EXPECT_NE(done.server.error().message().find("bad_certificate (42)"), std::string::npos);
    EXPECT_EQ(done.server.error(), errc::protocol_error);
}

TEST(Tls, PinsAcceptTheCertificateOrItsKeyAndNothingElse) {
    test_authority all;
    const server_options server = all.server();
    const handshakes plain = shake_hands(all.client(), server);
    ASSERT_TRUE(plain.client);
    const auto summary = describe_certificate(plain.client_info.peer_chain[0]).value();
    client_options client = all.client();
    for (const std::string& pin : {summary.fingerprint, summary.key_fingerprint}) {
        client.pins = {pin};
        EXPECT_TRUE(shake_hands(client, server).client);
        client.verify = false;
        EXPECT_TRUE(shake_hands(client, server).client);
    }
    client.pins = {std::string(64, 'a')};
    EXPECT_TRUE(is(error_of(shake_hands(client, server).client), fault::not_pinned));
    client.verify = true;
    EXPECT_TRUE(is(error_of(shake_hands(client, server).client), fault::not_pinned));
    client.pins = {"abc"};
    EXPECT_FALSE(client_config::make(client).has_value());
}

TEST(Tls, AClientThatVerifiesNothingAcceptsAnything) {
    test_authority all;
    client_options client = all.client();
    client.verify = false;
    const handshakes done = shake_hands(client, test_authority().server(), "other.test");
    EXPECT_TRUE(done.client);
    EXPECT_FALSE(done.client_info.verified);
}

TEST(Tls, ClientsCertificatesAreAskedForAndChecked) {
    test_authority all;
    server_options server = all.server();
    server.clients = client_certificates::required;
    server.client_authorities = all.authority.chain;
    client_options client = all.client();
    client.least = version::tls_1_3;
    EXPECT_TRUE(is(error_of(shake_hands(client, server).server), fault::certificate_missing));
    client.own = test_authority().server().identities[0];
    EXPECT_TRUE(is(error_of(shake_hands(client, server).server), fault::broken_chain));
    client.own = make_certificate(all.authority, request_for("client")).value();
    const handshakes done = shake_hands(client, server);
    EXPECT_TRUE(done.client && done.server);
    EXPECT_TRUE(done.server_info.verified);
    EXPECT_EQ(done.server_info.peer_chain.size(), 1U);
    server.client_revocation_lists =
        make_revocation_list(all.authority, {client.own->chain}).value();
    EXPECT_TRUE(is(error_of(shake_hands(client, server).server), fault::revoked));
    client.own.reset();
    server.client_revocation_lists.clear();
    server.clients = client_certificates::optional;
    EXPECT_TRUE(shake_hands(client, server).server);
    server.client_authorities.clear();
    EXPECT_FALSE(server_config::make(server).has_value());
}

TEST(Tls, WithoutACommonVersionOrProtocolThereIsNoSession) {
    test_authority all;
    client_options client = all.client();
    server_options server = all.server();
    client.greatest = version::tls_1_2;
    server.least = version::tls_1_3;
    EXPECT_TRUE(is(error_of(shake_hands(client, server).server), fault::no_common_version));
    client.greatest = version::tls_1_3;
    client.alpn = {"a"};
    server.alpn = {"b"};
    const handshakes done = shake_hands(client, server);
    EXPECT_TRUE(is(error_of(done.server), fault::no_common_protocol));
    constexpr std::uint8_t no_application_protocol = 120;
    EXPECT_EQ(error_of(done.client).code(), received_alert(no_application_protocol));
    client.least = version::tls_1_3;
    client.greatest = version::tls_1_2;
    EXPECT_FALSE(client_config::make(client).has_value());
}

TEST(Tls, TheNameThatIsAskedForChoosesTheCertificate) {
    test_authority all;
    server_options server;
    for (const char* name : {"first.test", "*.wild.test", "exact.wild.test"}) {
        server.identities.push_back(make_certificate(all.authority, request_for(name)).value());
    }
    client_options client = all.client();
    for (const char* name : {"first.test", "any.wild.test", "exact.wild.test", "EXACT.wild.test"}) {
        const handshakes done = shake_hands(client, server, name);
        EXPECT_TRUE(done.client) << name << ": " << done.client.error().message();
    }
    client.verify = false;
    const handshakes done = shake_hands(client, server, "unknown.test");
    ASSERT_TRUE(done.client);
    EXPECT_EQ(describe_certificate(done.client_info.peer_chain[0])->subject, "CN=first.test");
}

TEST(Tls, KeysOfTwoKindsForOneNameStandSideBySide) {
    test_authority all;
    server_options server;
    certificate_request request = request_for("server.test");
    for (const key_kind key : {key_kind::rsa_2048, key_kind::ecdsa_p256}) {
        request.key = key;
        server.identities.push_back(make_certificate(all.authority, request).value());
    }
    const handshakes done = shake_hands(all.client(), server);
    ASSERT_TRUE(done.client);
    EXPECT_EQ(describe_certificate(done.client_info.peer_chain[0])->key, "ECDSA, 256 bits");
}

TEST(Tls, HandshakesMayBeComputedOnThePool) {
    test_authority all;
    client_options connecting = all.client();
    server_options accepting = all.server();
    connecting.handshake_on_pool = accepting.handshake_on_pool = true;
    accepting.clients = client_certificates::optional;
    accepting.client_authorities = all.authority.chain;
    connecting.own = make_certificate(all.authority, request_for("client")).value();
    const auto from = client_config::make(connecting).value();
    const auto to = server_config::make(accepting).value();
    // Real threads need a real loop.
    auto made = loop::create({.backend = backend_kind::epoll});
    ASSERT_TRUE(made.has_value());
    const auto one = [&]() -> task<bool> {
        handshakes done;
        auto pipe = make_pipe();
        auto both = co_await when_all(client(std::move(pipe.first), from, "server.test"),
                                      server(std::move(pipe.second), to));
        done.client = std::move(std::get<0>(both));
        done.server = std::move(std::get<1>(both));
        const bool fine = done.client && done.server && (*done.server)->info().verified;
        if (fine) {
            co_await converse(done);
        }
        co_return fine&& done.client&& done.server;
    };
    for (int round = 0; round < 3; ++round) {
        (*made)->run([&]() -> task<void> {
            const auto fine = co_await when_all(one(), one(), one(), one());
            EXPECT_TRUE(std::get<0>(fine) && std::get<1>(fine));
            EXPECT_TRUE(std::get<2>(fine) && std::get<3>(fine));
        }());
    }
    const error why = error_of(shake_hands(from, to, "other.test").client);
    EXPECT_TRUE(is(why, fault::wrong_name)) << why.message();
}

TEST(Tls, BothKindsOfAesGcmWorkWithEachOther) {
    test_authority all;
    client_options client = all.client();
    server_options server = all.server();
    for (const version only : {version::tls_1_2, version::tls_1_3}) {
        server.least = server.greatest = only;
        for (const bool ours : {false, true}) {
            for (const bool theirs : {false, true}) {
                client.fast_aead = ours;
                server.fast_aead = theirs;
                const handshakes done = shake_hands(client, server);
                EXPECT_TRUE(done.client && done.server) << ours << theirs;
            }
        }
    }
}

TEST(Tls, SessionsAreResumed) {
    for (const version only : {version::tls_1_2, version::tls_1_3}) {
        for (const bool stateful : {false, true}) {
            test_authority all;
            server_options accepting = all.server();
            accepting.least = accepting.greatest = only;
            accepting.stateful = stateful;
            const auto server = server_config::make(accepting).value();
            const auto client = client_config::make(all.client()).value();
            EXPECT_FALSE(shake_hands(client, server).client_info.resumed);
            EXPECT_TRUE(shake_hands(client, server).client_info.resumed) << stateful;
            EXPECT_TRUE(shake_hands(client, server).server_info.resumed) << stateful;
            EXPECT_FALSE(shake_hands(client, server, "127.0.0.1").client_info.resumed);
        }
    }
}

TEST(Tls, SessionsAreNotResumedWhereThatIsSwitchedOff) {
    test_authority all;
    server_options accepting = all.server();
    accepting.resumption = false;
    const auto server = server_config::make(accepting).value();
    const auto client = client_config::make(all.client()).value();
    EXPECT_TRUE(shake_hands(client, server).client);
    EXPECT_FALSE(shake_hands(client, server).client_info.resumed);
}

TEST(Tls, ARenewedConfigurationResumesTheSessionsOfTheOldOne) {
    test_authority all;
    const auto before = server_config::make(all.server()).value();
    const auto client = client_config::make(all.client()).value();
    EXPECT_TRUE(shake_hands(client, before).client);
    const auto after = before.renewed(all.server()).value();
    EXPECT_TRUE(shake_hands(client, after).client_info.resumed);
}

TEST(Tls, BadCredentialsAreNamedBeforeAnythingListens) {
    test_authority all;
    server_options server = all.server();
    const identity good = server.identities[0];
    const auto problem = [&](identity own) {
        server.identities = {std::move(own)};
        const auto made = server_config::make(server);
        return made ? std::string() : made.error().message();
    };
    identity own = good;
    own.key = make_certificate(all.authority, request_for("server.test"))->key;
    EXPECT_NE(problem(own).find("not that of the"), std::string::npos) << problem(own);
    own.key = "";
    EXPECT_NE(problem(own).find("no private key"), std::string::npos) << problem(own);
    own = good;
    own.chain = "rubbish";
    EXPECT_NE(problem(own).find("no certificate"), std::string::npos) << problem(own);
    own.chain = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    EXPECT_NE(problem(own).find("certificate 1 cannot be read"), std::string::npos);
    server.identities.clear();
    EXPECT_FALSE(server_config::make(server).has_value());
    const auto missing = identity::from_files("/nonexistent/a.pem");
    ASSERT_FALSE(missing.has_value());
    EXPECT_NE(missing.error().message().find("/nonexistent/a.pem"), std::string::npos);
}

TEST(Tls, AClientWithoutANameToCheckSaysSo) {
    test_authority all;
    const error why = error_of(shake_hands(all.client(), all.server(), "").client);
    EXPECT_EQ(why, errc::invalid_argument);
    EXPECT_NE(why.message().find("no name of the server"), std::string::npos);
}

} // namespace
} // namespace runnel::tls
