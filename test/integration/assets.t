#!/usr/bin/python3
"""How the page and what it is made of are served over HTTP."""
import gzip
import os
import re
import socket
import threading

from chat import LIMIT, Server, equal, run, temporary_folder, test

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def built_file(server, extension):
    page = server.request("/")[2].decode()
    return re.search(rf'"(/assets/[^"]+\.{extension})"', page).group(1)


def raw(server, request):
    """Sends the bytes as they are; returns all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), LIMIT) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


def get(server, path):
    """The status for a path that a library would not send, or would tidy up."""
    answer = raw(server, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return int(answer.split(b" ", 2)[1])


def check_security(headers):
    for name, value in SECURITY.items():
        equal(headers[name], value, name)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, policy
    assert "unsafe" not in policy and "http:" not in policy and "data:" not in policy, policy
    assert "camera=()" in headers["Permissions-Policy"], headers


@test("/ is the page, to be asked for again each time")
def _(server):
    status, headers, body = server.request("/")
    equal(status, 200)
    equal(headers["Content-Type"], "text/html; charset=utf-8")
    equal(headers["Cache-Control"], "no-cache")
    equal(headers["Content-Length"], str(len(body)))
    equal(headers["Content-Encoding"], None)
    assert body.startswith(b"<!doctype html>"), body[:80]
    assert b"<style" not in body and not re.search(rb"<script(?![^>]* src=)", body), body
    equal(server.request("/index.html")[2], body)
    equal(server.request("/?from=somewhere")[2], body)


@test("what has a hash in its name may be kept for ever, each with its type")
def _(server):
    for extension, mime_type in (("js", "text/javascript; charset=utf-8"),
                                 ("css", "text/css; charset=utf-8"),
                                 ("svg", "image/svg+xml; charset=utf-8")):
        status, headers, body = server.request(built_file(server, extension))
        equal(status, 200)
        equal(headers["Content-Type"], mime_type)
        equal(headers["Cache-Control"], "public, max-age=31536000, immutable")
        assert body, extension


@test("every answer has the security headers, also one that says no")
def _(server):
    check_security(server.request("/")[1])
    check_security(server.request(built_file(server, "js"))[1])
    check_security(server.request("/none")[1])
    check_security(server.request("/", method="POST")[1])
    tag = server.request("/")[1]["ETag"]
    check_security(server.request("/", {"If-None-Match": tag})[1])


@test("gzip only for those who take it, with an ETag of its own")
def _(server):
    path = built_file(server, "js")
    _, plain_headers, plain = server.request(path)
    equal(plain_headers["Vary"], "Accept-Encoding")
    takes = ("gzip", "deflate, gzip, br", "GZIP;q=0.5", "*", "br;q=1, *;q=0.1",
             "identity;q=0, gzip", "deflate;q=0,gzip")
    for accept in takes:
        _, headers, body = server.request(path, {"Accept-Encoding": accept})
        equal(headers["Content-Encoding"], "gzip", accept)
        equal(headers["Vary"], "Accept-Encoding")
        equal(headers["Content-Length"], str(len(body)))
        equal(gzip.decompress(body), plain, accept)
        assert len(body) < len(plain) and headers["ETag"] != plain_headers["ETag"], headers
    refuses = ("", "br", "identity", "gzip;q=0", "gzip; q=0.000", "gzip ; q = 0", "*;q=0",
               "gzip;q=0, *", "*, gzip;q=0.0", "xgzip", "gzipped", "br, gzip;q=0")
    for accept in refuses:
        _, headers, body = server.request(path, {"Accept-Encoding": accept})
        equal(headers["Content-Encoding"], None, accept)
        equal(body, plain, accept)


@test("304 for who has it already, and only then")
def _(server):
    for path in ("/", built_file(server, "css")):
        tag = server.request(path)[1]["ETag"]
        assert re.fullmatch(r'"[0-9a-f]{32}"', tag), tag
        for known in (tag, f"W/{tag}", f'"other", {tag}', f'W/"a,b" ,, W/{tag}', "*",
                      f'"x",{tag},"y"'):
            status, headers, body = server.request(path, {"If-None-Match": known})
            equal((status, body), (304, b""), known)
            equal(headers["ETag"], tag)
            equal(headers["Vary"], "Accept-Encoding")
            assert headers["Cache-Control"] and not headers["Content-Type"], headers
        for unknown in ('"other"', tag.strip('"'), tag[:-2] + '"', f'"x{tag}', "", "W/*x",
                        f"junk {tag}"):
            equal(server.request(path, {"If-None-Match": unknown})[0], 200, unknown)
        # The tag of one form says nothing about the other one.
        equal(server.request(path, {"If-None-Match": tag, "Accept-Encoding": "gzip"})[0], 200)


@test("HEAD answers as GET does, without the body")
def _(server):
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        _, of_get, body = server.request("/", headers)
        status, of_head, nothing = server.request("/", headers, "HEAD")
        equal((status, nothing), (200, b""))
        equal(of_head["Content-Length"], str(len(body)))
        equal(of_head["ETag"], of_get["ETag"])
    equal(server.request("/none", method="HEAD")[::2], (404, b""))


@test("other methods are not allowed")
def _(server):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        status, headers, _ = server.request("/", method=method)
        equal(status, 405, method)
        equal(headers["Allow"], "GET, HEAD", method)


@test("what does not exist is a short text")
def _(server):
    for path in ("/none", "/assets", "/assets/", "/index.html/", "/assets/none.js", "/INDEX.HTML"):
        status, headers, body = server.request(path)
        equal(status, 404, path)
        equal(headers["Content-Type"], "text/plain; charset=utf-8")
        assert 0 < len(body) < 100, body


HOSTILE = (
    b"/../etc/passwd", b"/..", b"/assets/../../etc/passwd", b"/./index.html", b"//index.html",
    b"/%2e%2e/etc/passwd", b"/..%2fetc%2fpasswd", b"/%2e%2e%2fetc/passwd", b"/none%00.html",
    b"/..\\..\\etc\\passwd", b"/%5c..%5cetc", b"/index.html%2f", b"/assets%2f..%2findex.html",
    b"/%252e%252e/etc/passwd", b"/.git/config", b"/a/.hidden", b"/\xff\xfe", b"/%ff", b"/%",
    b"/index.html%0d%0a", b"/%00", b"/index.html%00.js", b"/" + b"a" * 4000, b"/" + b"a/" * 2000)


@test("hostile paths lead nowhere, and the server goes on")
def _(server):
    for path in HOSTILE:
        assert get(server, path) in (400, 404), path
    equal(get(server, b"/"), 200)


@test("a malformed request is answered in the server's own words")
def _(server):
    for request in (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", b"nonsense\r\n\r\n",
                    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"):
        answer = raw(server, request)
        head = answer.split(b"\r\n\r\n")[0]
        assert re.match(rb"HTTP/1\.1 [45]\d\d [A-Z]", head), head
        assert b"X-Content-Type-Options: nosniff" in head, head
    equal(get(server, b"/"), 200)


@test("a connection serves one request, of each kind, and says so; no worker waits for another one")
def _(server):
    tag = server.request("/")[1]["ETag"].encode()
    for status, request in (
            (200, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), (200, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (304, b"GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: " + tag + b"\r\n\r\n"),
            (404, b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n"),
            (405, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")):
        answer = raw(server, request)
        equal([int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)], [status], request)
        assert re.search(rb"\r\nConnection: close\r\n", answer, re.IGNORECASE), answer[:300]


@test("--static serves the files of a folder, never cached")
def _():
    folder = temporary_folder()
    os.makedirs(f"{folder}/site/assets")
    for name, text in (("index.html", "<p>mine"), ("assets/a.js", "1"), ("assets/b.svg", "<svg/>"),
                       ("empty.txt", ""), (".secret", "no"), ("large.bin", "x" * 300_000)):
        with open(f"{folder}/site/{name}", "w") as file:
            file.write(text)
    with Server(f"--static={folder}/site") as server:
        for path, mime_type, size in (("/", "text/html; charset=utf-8", 7),
                                      ("/assets/a.js", "application/javascript; charset=utf-8", 1),
                                      ("/assets/b.svg", "image/svg+xml; charset=utf-8", 6),
                                      ("/empty.txt", "text/plain; charset=utf-8", 0),
                                      ("/large.bin", "application/octet-stream", 300_000)):
            status, headers, body = server.request(path, {"Accept-Encoding": "gzip"})
            equal((status, len(body)), (200, size), path)
            equal(headers["Content-Type"], mime_type, path)
            equal(headers["Cache-Control"], "no-store")
            equal((headers["ETag"], headers["Content-Encoding"]), (None, None))
            check_security(headers)
            equal(server.request(path, method="HEAD")[2], b"")
        for path in ("/.secret", "/assets", "/assets/", "/none", "/assets/none.js"):
            equal(server.request(path)[0], 404, path)
        with open(f"{folder}/site/index.html", "w") as file:
            file.write("<p>changed")
        equal(server.request("/")[2], b"<p>changed")


@test("--static does not lead out of its folder, nor hang on what is no file")
def _():
    folder = temporary_folder()
    os.makedirs(f"{folder}/site/sub")
    os.makedirs(f"{folder}/outside")
    for name in ("secret.txt", "outside/secret.txt", "site/here.txt"):
        with open(f"{folder}/{name}", "w") as file:
            file.write("secret")
    os.symlink("../secret.txt", f"{folder}/site/link.txt")
    os.symlink(f"{folder}/secret.txt", f"{folder}/site/absolute.txt")
    os.symlink("../outside", f"{folder}/site/out")
    os.symlink("/", f"{folder}/site/sub/root")
    os.mkfifo(f"{folder}/site/fifo.txt")
    os.symlink(f"{folder}/site", f"{folder}/through-a-link")
    with Server(f"--static={folder}/through-a-link") as server:
        equal(server.request("/here.txt")[0], 200, "the folder itself may be a link")
        for path in ("/link.txt", "/absolute.txt", "/out/secret.txt", "/sub/root/etc/passwd",
                     "/fifo.txt", "/here.txt/x", "/sub", "/"):
            equal(server.request(path)[0], 404, path)
        for path in HOSTILE + (b"/../secret.txt", b"/sub/../../secret.txt", b"/%00/../secret.txt"):
            assert get(server, path) in (400, 404), path


@test("slow readers of a large file do not take the workers from the others for long")
def _():
    folder = temporary_folder()
    with open(f"{folder}/large.bin", "wb") as file:
        file.truncate(64 << 20)
    with open(f"{folder}/index.html", "w") as file:
        file.write("<p>here")
    with Server(f"--static={folder}") as server:
        connections = []
        for _ in range(8):
            connection = socket.create_connection(("127.0.0.1", server.port), LIMIT)
            connection.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            connections.append(connection)
        results = []
        threads = [threading.Thread(target=lambda: results.append(server.request("/")[0]))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(results, [200] * 4)
        for connection in connections:
            connection.close()


run()
