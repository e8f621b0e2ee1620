#!/usr/bin/python3 -B
"""Guessing passwords and making accounts are limited, by account and by address."""
from accounts import *

LIMITS = ["--limit-logins=2", "--limit-registrations=2", "--trusted-proxy=127.0.0.1"]


def limited(server, which):
    return server.metric(rf'chatd_limited_total\{{limit="{which}"\}}')


def attempt(server, name, password, address="192.0.2.1"):
    return post(server, "login", {"username": name, "password": password}, X_Forwarded_For=address)


@test("an address makes so many accounts, and those that were refused do not count")
def _(server):
    def make(name, address="192.0.2.1", password=PASSWORD):
        return post(server, "register", {"username": name, "password": password},
                    X_Forwarded_For=address)

    equal(make("Ann").status, 201, "the first one")
    refused(make("Ann"), 409, "name-taken")
    refused(make("Bob", password="short"), 400, "bad-password")
    equal(make("Bob").status, 201, "the second one")
    answer = refused(make("Cal"), 429, "rate-limited")
    assert 0 < int(answer.headers["Retry-After"]) <= 3600, answer.headers
    equal(make("Cal", "192.0.2.2").status, 201, "from another address")
    equal(limited(server, "registrations"), 1, "what is counted")


@test("who fails too often has to wait, also with the right password and under any spelling")
def _(server):
    for _ in range(2):
        refused(attempt(server, "Ann", "wrong password"), 401, "bad-login")
    for name in ["Ann", "ANN", "ａｎｎ"]:
        answer = refused(attempt(server, name, PASSWORD, "192.0.2.9"), 429, "rate-limited")
        assert 0 < int(answer.headers["Retry-After"]) <= 60, answer.headers
    equal(limited(server, "logins"), 3, "what is counted")


@test("nobody can tell by it whether there is such an account")
def _(server):
    for _ in range(2):
        refused(attempt(server, "Nobody", "wrong password", "192.0.2.3"), 401, "bad-login")
    refused(attempt(server, "Nobody", "wrong password", "192.0.2.3"), 429, "rate-limited")


@test("the right password makes good for the account what failed before")
def _(server):
    for _ in range(2):
        refused(attempt(server, "Bob", "wrong password", "192.0.2.4"), 401, "bad-login")
        equal(attempt(server, "Bob", PASSWORD, "192.0.2.4").status, 200, "the right one")


@test("changing one's password is no way around it")
def _(server):
    token = sign_in(server, "Cal")

    def change(password):
        return post(server, "password", {"password": password, "newPassword": "another one"},
                    token=token, X_Forwarded_For="192.0.2.5")

    for _ in range(2):
        refused(change("wrong password"), 403, "bad-login")
    refused(change(PASSWORD), 429, "rate-limited")


@test("the cookie is for TLS alone where the proxy says that the page came by it")
def _(server):
    body = {"username": "Bob", "password": PASSWORD, "cookie": True}
    by_tls = post(server, "login", body, X_Forwarded_For="192.0.2.6", X_Forwarded_Proto="https")
    plain = post(server, "login", body, X_Forwarded_For="192.0.2.6", X_Forwarded_Proto="http")
    equal((by_tls.cookie["secure"], plain.cookie["secure"]), (True, ""), "Secure")


run(*LIMITS)
