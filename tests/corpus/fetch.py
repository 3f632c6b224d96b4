#!/usr/bin/env python3
"""fetch.py LIST DIR [NAME...]: downloads the source distributions named in LIST and unpacks each into DIR/NAME.

The index is the one pip is set to use (PIP_INDEX_URL, `pip config`, else pip's own default). An archive whose sha256 is
not the one in LIST is refused. Archives are kept in DIR/.archives, so a second run downloads nothing.
"""
import argparse
import base64
import hashlib
import html.parser
import http.client
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import zipfile

TRIES = 4
SECONDS = 60
LARGEST_ARCHIVE = 64 << 20
LARGEST_TREE = 512 << 20
MOST_ENTRIES = 50_000
SIMPLE = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


class Refused(Exception):
    """What the index gave cannot be used."""


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_of_pip(*words):
    try:
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def index_url():
    # Whatever pip would use. Its default is asked for too, so that no host is written down here.
    url = (
        os.environ.get("PIP_INDEX_URL")
        or asked_of_pip("-m", "pip", "config", "get", "global.index-url")
        or asked_of_pip("-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)")
    )
    if not url:
        raise Refused("no package index: set PIP_INDEX_URL, or `pip config set global.index-url URL`")
    return url.rstrip("/")


def without_login(url):
    """The address to request and the headers for the user and password that were in it."""
    parts = urllib.parse.urlsplit(url)
    if parts.username is None:
        return url, {}
    login = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    host = parts.hostname + (f":{parts.port}" if parts.port else "")
    header = "Basic " + base64.b64encode(login.encode()).decode()
    return urllib.parse.urlunsplit(parts._replace(netloc=host)), {"Authorization": header}


def certificates():
    return ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or None)


def got(url, context, largest, accept="*/*", login=None):
    """The body, its type and the final address; a server's trouble is tried again, a plain no is not."""
    last = None
    for attempt in range(TRIES):
        if attempt:
            time.sleep(2**attempt)
        request = urllib.request.Request(url, headers={"Accept": accept, **(login or {})})
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=context) as answer:
                until = time.monotonic() + 5 * SECONDS
                body = bytearray()
                while piece := answer.read(1 << 16):
                    body += piece
                    if len(body) > largest:
                        raise Refused(f"more than {largest} bytes")
                    if time.monotonic() > until:
                        raise TimeoutError("too slow")
                return bytes(body), answer.headers.get_content_type(), answer.url
        except urllib.error.HTTPError as error:
            last = error
            if error.code not in (408, 429) and error.code < 500:
                break
        except (OSError, http.client.HTTPException) as error:
            last = error
    raise Refused(f"the index did not answer: {last}")


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.found.append(href)


def files_of(body, kind, page):
    """Name, address and sha256 (where told) of each file of a project page, JSON (PEP 691) or HTML (PEP 503)."""
    if kind.endswith("json"):
        for entry in json.loads(body)["files"]:
            yield entry["filename"], urllib.parse.urljoin(page, entry["url"]), entry.get("hashes", {}).get("sha256")
        return
    links = Links()
    links.feed(body.decode("utf-8", "replace"))
    for href in links.found:
        address, _, fragment = urllib.parse.urljoin(page, href).partition("#")
        name = urllib.parse.unquote(address.rsplit("/", 1)[-1])
        said = urllib.parse.parse_qs(fragment).get("sha256")
        yield name, address, said[0] if said else None


def is_that_sdist(filename, name, version):
    for ending in (".tar.gz", ".zip", ".tar.bz2"):
        if filename.endswith(ending):
            stem, _, told = filename[: -len(ending)].rpartition("-")
            return normalised(stem) == name and told == version
    return False


def archive_of(project, index, context, folder):
    kept = folder / f"{project['sha256']}.sdist"
    if kept.exists() and hashlib.sha256(kept.read_bytes()).hexdigest() == project["sha256"]:
        return kept
    name = normalised(project["name"])
    address, login = without_login(f"{index}/{name}/")
    body, kind, page = got(address, context, LARGEST_ARCHIVE, SIMPLE, login)
    sdists = [x for x in files_of(body, kind, page) if is_that_sdist(x[0], name, project["version"])]
    if not sdists:
        raise Refused(f"the index has no source distribution of version {project['version']}")
    _, url, said = next((x for x in sdists if x[2] == project["sha256"]), sdists[0])
    if said and said != project["sha256"]:
        raise Refused(f"the index has sha256 {said}, the list has {project['sha256']}")
    # The login goes to the index's own host only.
    same_host = urllib.parse.urlsplit(url).netloc == urllib.parse.urlsplit(address).netloc
    data, _, _ = got(url, context, LARGEST_ARCHIVE, login=login if same_host else None)
    found = hashlib.sha256(data).hexdigest()
    if found != project["sha256"]:
        raise Refused(f"downloaded sha256 {found}, the list has {project['sha256']}")
    part = kept.with_suffix(".part")
    part.write_bytes(data)
    part.replace(kept)
    return kept


def entries(archive):
    """(path, bytes) of each regular file. Links and devices are left out: code never needs one to be read."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                if not entry.is_dir():
                    yield entry.filename, entry.file_size, lambda e=entry: opened.open(e)
    else:
        with tarfile.open(archive) as opened:
            for entry in opened:
                if entry.isfile():
                    yield entry.name, entry.size, lambda e=entry: opened.extractfile(e)


def unpack(archive, into):
    """The archive's one top folder becomes `into`."""
    part = into.with_name(f".{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    total = count = 0
    for name, size, opened in entries(archive):
        steps = pathlib.PurePosixPath(name).parts
        if not steps or steps[0] == "/" or ".." in steps or "\\" in name or "\0" in name:
            shutil.rmtree(part, ignore_errors=True)
            raise Refused(f"the archive has an entry outside its folder: {name!r}")
        total, count = total + size, count + 1
        if total > LARGEST_TREE or count > MOST_ENTRIES:
            shutil.rmtree(part, ignore_errors=True)
            raise Refused("the archive unpacks to too much")
        if len(steps) == 1:
            continue
        target = part.joinpath(*steps[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened() as source, open(target, "wb") as copy:
            shutil.copyfileobj(source, copy)
    shutil.rmtree(into, ignore_errors=True)
    part.rename(into)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("list", type=pathlib.Path)
    arguments.add_argument("dir", type=pathlib.Path)
    arguments.add_argument("names", nargs="*")
    asked = arguments.parse_args()
    projects = tomllib.loads(asked.list.read_text())["project"]
    unknown = set(asked.names) - {p["name"] for p in projects}
    if unknown:
        sys.exit(f"error: not in {asked.list}: {', '.join(sorted(unknown))}")
    archives = asked.dir / ".archives"
    archives.mkdir(parents=True, exist_ok=True)
    context, index, failed = certificates(), None, 0
    for project in projects:
        if asked.names and project["name"] not in asked.names:
            continue
        into, mark = asked.dir / project["name"], archives / f"{project['name']}.unpacked"
        try:
            if into.is_dir() and mark.exists() and mark.read_text() == project["sha256"]:
                continue
            index = index or index_url()
            unpack(archive_of(project, index, context, archives), into)
            mark.write_text(project["sha256"])
            print(f"{project['name']} {project['version']}", file=sys.stderr)
        except (Refused, OSError, ValueError, KeyError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
            failed += 1
            print(f"error: {project['name']} {project['version']}: {error}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
