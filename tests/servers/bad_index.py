#!/usr/bin/env python3
"""A Python package index (PEP 503 "simple") on loopback that does what none should.

usage: bad_index.py BEHAVIOUR [DIR] [ADDRESS:PORT]

    503        every request is answered with 503
    503:N      the first N requests are, later ones as they should be
    hang       takes requests and never answers
    cut        of every answer the connection ends in the middle
    cut:N      of the first N
    slow       answers come a piece at a time, with pauses
    password   only me:geheim gets answers, everybody else 401
    portal     every page is one of a login, with status 200
    circle     every page leads to another one, which leads back
    liar       names another SHA-256 than the files have
    good       none of these

DIR holds wheels, named as they should be; an empty index without. WHEEL.yanked beside one takes it back, for the reason that
the file holds. It listens on loopback, or where it is told (in a container). Prints one line,
{"url": "http://127.0.0.1:1234/simple/"}, and serves until its standard input ends. Every request is a line on standard error: METHOD PATH STATUS.
"""
import base64
import hashlib
import html
import http.server
import json
import os
import re
import sys
import threading
import urllib.parse

behaviour, _, count = sys.argv[1].partition(":")
folder = sys.argv[2] if len(sys.argv) > 2 else None
failures = int(count) if count else sys.maxsize
address, _, port = (sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1:0").rpartition(":")
LOGIN = "Basic " + base64.b64encode(b"me:geheim").decode()
PIECES, PAUSE = 4, 0.2
lock = threading.Lock()
ended = threading.Event()


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", kind="text/html", headers=()):
        with lock:
            print(self.command, self.path, status, file=sys.stderr, flush=True)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        if self.command == "HEAD":
            return
        if behaviour == "cut" and self.fails():
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        size = len(body) // PIECES + 1 if behaviour == "slow" else len(body) or 1
        for at in range(0, len(body), size):
            if at:
                ended.wait(PAUSE)
            self.wfile.write(body[at : at + size])

    def fails(self):
        """Whether this is one of the first N."""
        global failures
        with lock:
            failures -= 1
            return failures >= 0

    def do_GET(self):
        if behaviour == "503" and self.fails():
            return self.answer(503, b"not now\n", "text/plain")
        if behaviour == "hang":
            with lock:
                print(self.command, self.path, "-", file=sys.stderr, flush=True)
            ended.wait()
            return self.close_connection
        if behaviour == "circle":
            other = "/there" if self.path.startswith("/simple") else "/simple"
            return self.answer(302, headers=[("Location", other + "/round/")])
        if behaviour == "password" and self.headers.get("Authorization") != LOGIN:
            return self.answer(401, b"who are you?\n", headers=[("WWW-Authenticate", 'Basic realm="index"')])
        if behaviour == "portal":
            return self.answer(200, b"<html><body><form action='/login'>Welcome to the guest network</form></body></html>")
        path = urllib.parse.unquote(self.path)
        files = sorted(file for file in os.listdir(folder) if not file.endswith(".yanked")) if folder else []
        if found := re.fullmatch(r"/simple/([^/]+)/", path):
            rows = []
            for file in files:
                if normal(file.split("-")[0]) == found[1]:
                    with open(os.path.join(folder, file), "rb") as data:
                        digest = hashlib.sha256(data.read()).hexdigest()
                    if behaviour == "liar":
                        digest = "0" * 64
                    yanked = os.path.join(folder, file + ".yanked")
                    back = f' data-yanked="{html.escape(open(yanked).read())}"' if os.path.exists(yanked) else ""
                    rows.append(f'<a href="/files/{file}#sha256={digest}"{back}>{file}</a>')
            return self.answer(200, "\n".join(rows).encode()) if rows else self.answer(404, b"none\n")
        if path.startswith("/files/") and path[7:] in files:
            with open(os.path.join(folder, path[7:]), "rb") as data:
                return self.answer(200, data.read(), "application/octet-stream")
        return self.answer(404, b"none\n")

    do_HEAD = do_GET


server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}/simple/"}), flush=True)
sys.stdin.read()
ended.set()
server.shutdown()
