#!/usr/bin/env python3
"""A private Python package index (PEP 503 "simple"), in front of a folder of wheels and source archives.

usage: index.py run DIR [--user NAME --password WORD] [--address 127.0.0.1] [--port 0] [--tls] [--state DIR]
       index.py up   the same arguments: in the background; returns when it answers
       index.py down [--state DIR]
       index.py ca   [--state DIR] [--address IP]     makes the private CA of --tls when there is none, prints its path

Prints one JSON object when it is ready: {"url": "http://127.0.0.1:1234/simple/", "url_with_credentials": ... or null, "ca": path or null,
"log": path, "pid": ...}. The folder is read at every request.

--user/--password: every request without them is answered with 401 and `WWW-Authenticate: Basic`, with wrong ones with 403.
--tls: HTTPS with a certificate of a private CA, made by openssl in the state folder and trusted by nobody.
The log has one line per request: time, status, "auth=yes|no|wrong", method and path. Credentials are never written into it.
State: --state, else index/ in $SCAF_TEST_STATE or /var/tmp/scaf-test. Several indexes at a time need several --state.
"""
import argparse
import base64
import hashlib
import hmac
import html
import http.server
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
import zipfile


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def project_of(file):
    if file.endswith(".whl"):
        return normal(file.split("-")[0])
    for end in (".tar.gz", ".zip"):
        if file.endswith(end):
            return normal(file[: -len(end)].rsplit("-", 1)[0])
    return None


def metadata_of(path):
    """The METADATA of a wheel: with it (PEP 658) resolvers need not fetch the wheel."""
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            if name.endswith(".dist-info/METADATA"):
                return wheel.read(name)
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "scaf-test-index"

    def log_message(self, *_):
        pass

    def auth(self):
        if not self.server.expected:
            return "no" if not self.headers.get("Authorization") else "yes"
        got = self.headers.get("Authorization")
        if not got:
            return "no"
        return "yes" if hmac.compare_digest(got.strip(), self.server.expected) else "wrong"

    def answer(self, status, body, kind="text/html; charset=utf-8", headers=()):
        with open(self.server.log, "a") as log:
            # A URL with credentials in its path or query would be a client's mistake; they are cut all the same.
            path = re.sub(r"//[^/@]*@", "//***@", self.path.split("?")[0])
            log.write(f"{time.strftime('%FT%T')} {status} auth={self.seen} {self.command} {path}\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def page(self, title, links):
        rows = "".join(f"<a href=\"{html.escape(h)}\"{attributes}>{html.escape(text)}</a><br>\n" for h, text, attributes in links)
        head = f'<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0"><title>{html.escape(title)}</title></head>'
        self.answer(200, f"{head}<body>\n{rows}</body></html>\n".encode())

    def do_GET(self):
        self.seen = self.auth()
        if self.server.expected and self.seen != "yes":
            if self.seen == "wrong":
                return self.answer(403, b"wrong credentials\n", "text/plain")
            return self.answer(401, b"credentials needed\n", "text/plain", [("WWW-Authenticate", 'Basic realm="scaf-test"')])
        folder, path = self.server.folder, urllib.parse.unquote(self.path.split("?")[0])
        files = sorted(f for f in os.listdir(folder) if project_of(f))
        if path == "/simple/":
            return self.page("Simple index", [(f"/simple/{p}/", p, "") for p in sorted({project_of(f) for f in files})])
        found = re.fullmatch(r"/simple/([^/]+)(/?)", path)
        if found:
            project = normal(found[1])
            if found[2] == "" or project != found[1]:
                return self.answer(301, b"", headers=[("Location", f"/simple/{project}/")])
            links = []
            for f in files:
                if project_of(f) == project:
                    full = os.path.join(folder, f)
                    with open(full, "rb") as data:
                        digest = hashlib.sha256(data.read()).hexdigest()
                    attributes = ""
                    if f.endswith(".whl") and (metadata := metadata_of(full)):
                        needs = re.search(r"^Requires-Python: *(.+)$", metadata.decode(), re.M)
                        attributes = f' data-core-metadata="sha256={hashlib.sha256(metadata).hexdigest()}"'
                        attributes += f' data-requires-python="{html.escape(needs[1])}"' if needs else ""
                    links.append((f"/files/{urllib.parse.quote(f)}#sha256={digest}", f, attributes))
            return self.page(project, links) if links else self.answer(404, b"no such project\n", "text/plain")
        if path.startswith("/files/"):
            name = path[len("/files/"):]
            if name in files:
                with open(os.path.join(folder, name), "rb") as data:
                    # As the public index says of its files, so that clients keep them.
                    keep = [("Cache-Control", "max-age=365000000, immutable, public")]
                    return self.answer(200, data.read(), "application/octet-stream", keep)
            if name.endswith(".metadata") and name[: -len(".metadata")] in files:
                return self.answer(200, metadata_of(os.path.join(folder, name[: -len(".metadata")])) or b"", "text/plain")
        return self.answer(404, b"not found\n", "text/plain")

    do_HEAD = do_GET


def authority(state, address):
    """A CA and a server certificate for `address`, in the state folder; made once, and anew a day before they expire."""
    ca, key, cert = (os.path.join(state, f) for f in ("ca.crt", "server.key", f"server-{address}.crt"))

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=state)

    def good(path):
        return os.path.exists(path) and subprocess.run(["openssl", "x509", "-checkend", "86400", "-noout", "-in", path], capture_output=True).returncode == 0

    if not good(ca):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ca.key")
        openssl("req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=scaf test CA", "-days", "30", "-out", "ca.crt",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        for old in os.listdir(state):
            if old.startswith("server-"):
                os.remove(os.path.join(state, old))
    if not good(cert):
        if not os.path.exists(key):
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "server.key")
        openssl("req", "-new", "-key", "server.key", "-subj", "/CN=scaf-test-index", "-out", "server.csr")
        names = {f"IP:{address}", "IP:127.0.0.1", "DNS:localhost"} if re.fullmatch(r"[0-9.]+", address) else {f"DNS:{address}", "DNS:localhost"}
        with open(os.path.join(state, "server.ext"), "w") as out:
            out.write(f"subjectAltName={','.join(sorted(names))}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                "-extfile", "server.ext", "-out", cert)
    return ca, key, cert


def started(pid):
    """When that process started: with it, a pid that has been given to another process is told apart."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return None if fields[0] in "ZX" else fields[19]
    except OSError:
        return None


def running(state):
    try:
        with open(os.path.join(state, "index.json")) as file:
            ready = json.load(file)
    except (OSError, ValueError):
        return None
    return ready if ready.get("started") and started(ready["pid"]) == ready["started"] else None


def run(a, state):
    scheme, ca = "http", None
    try:
        server = http.server.ThreadingHTTPServer((a.address, a.port), Handler)
    except OSError as error:
        sys.exit(f"{a.address}:{a.port}: {error.strerror}")
    server.daemon_threads = True
    if a.tls:
        ca, key, cert = authority(state, a.address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        # The handshake is made by the thread of the connection: a client that stops halfway must not hold up the others.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    server.handle_error = lambda *_: None  # a client that does not trust the CA hangs up; that is no news
    server.folder, server.log = os.path.abspath(a.dir), os.path.join(state, "index.log")
    server.expected = None
    where = f"{a.address}:{server.server_address[1]}/simple/"
    full = None
    if a.user is not None:
        server.expected = "Basic " + base64.b64encode(f"{a.user}:{a.password}".encode()).decode()
        full = f"{scheme}://{urllib.parse.quote(a.user, safe='')}:{urllib.parse.quote(a.password, safe='')}@{where}"
    open(server.log, "w").close()
    ready = {"url": f"{scheme}://{where}", "url_with_credentials": full, "ca": ca, "log": server.log, "pid": os.getpid(), "started": started(os.getpid())}
    with open(os.path.join(state, "index.json.new"), "w", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        json.dump(ready, out)
    os.replace(os.path.join(state, "index.json.new"), os.path.join(state, "index.json"))
    print(json.dumps(ready), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


def down(state):
    ready = running(state)
    if ready:
        os.kill(ready["pid"], signal.SIGTERM)
        for _ in range(100):
            if not running(state):
                break
            time.sleep(0.02)
    if os.path.exists(os.path.join(state, "index.json")):
        os.remove(os.path.join(state, "index.json"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0], usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    parser.add_argument("what", choices=("run", "up", "down", "ca"))
    parser.add_argument("dir", nargs="?")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--state", default=os.path.join(os.environ.get("SCAF_TEST_STATE", "/var/tmp/scaf-test"), "index"))
    a = parser.parse_args()
    state = os.path.abspath(a.state)
    os.makedirs(state, exist_ok=True)
    if a.what in ("run", "up") and not (a.dir and os.path.isdir(a.dir)):
        parser.error("DIR, a folder of wheels, is needed")
    if a.what == "ca":
        print(authority(state, a.address)[0])
    elif a.what == "down":
        down(state)
    elif a.what == "run":
        run(a, state)
    else:
        down(state)  # a second `up` is one with these arguments
        with open(os.path.join(state, "output"), "w") as out:
            child = subprocess.Popen([sys.executable, __file__, "run", *sys.argv[2:]], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        for _ in range(500):
            ready = running(state)
            if ready and ready["pid"] == child.pid:
                print(json.dumps(ready))
                return 0
            if child.poll() is not None:
                break
            time.sleep(0.02)
        with open(os.path.join(state, "output")) as out:
            print(f"index.py: it did not start: {out.read().strip()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
