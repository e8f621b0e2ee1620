#!/usr/bin/python3 -B
"""RFC 6455 and RFC 7692 on a raw socket, case by case, in the groups of the Autobahn test suite.

conformance/ has the cases. The report is artefacts/conformance.json and .txt.
"""
from conformance import *
from conformance import frames, text, closing, compression, upgrade

tests_of_cases()


@test("each connection that broke the protocol was counted, and no other")
def _(server):
    play_all(server)
    broken = sum(outcome.startswith("refused ") for each in cases for outcome in each.expected)
    equal(server.metric("chatd_protocol_errors_closed_total"), broken)
    until(lambda: server.metric("chatd_clients") == 0, "no client is left")


@test("the report has each case with what is sent, what is expected, and what came")
def _(server):
    play_all(server)
    equal(write_report(server), len(cases), "cases that went as expected")


run()
