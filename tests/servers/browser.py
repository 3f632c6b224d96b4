#!/usr/bin/env python3
"""Uses a JupyterLab as a person does: a headless Chromium opens it, types code into a cell of a notebook, runs it, looks.

usage: browser.py URL CODE [--notebook NAME.ipynb] [--screenshot FILE.png] [--timeout SECS] [--window WxH] [--chromium PROGRAM]

URL is the address that `jupyter lab` prints, with its token. CODE of - is read from stdin. The notebook is made when it is not
there; otherwise the code goes into a cell at its end. Prints one JSON object:

  {"ok": true, "title": ..., "prompt": "[1]:", "text": what the page shows under the cell, "outputs": the cell's outputs as they
   stand in the saved notebook (null when it could not be saved), "saved": true, "kernel": "idle", "seconds": ...,
   "console": [errors of the page's console], "error": why not ok}

Exit status: 0 the cell ran without an exception, 1 otherwise, 2 usage.

Only the standard library is used. Chromium is spoken to through its DevTools protocol over a pair of pipes, so no port is opened and
nothing is left when this program is killed: at the end of the pipe Chromium ends, too.
"""
import argparse
import base64
import fcntl
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request


class Trouble(Exception):
    pass


class Chromium:
    """One Chromium process with one page, and the DevTools protocol to it: JSON messages, each ended by a NUL byte."""

    def __init__(self, program, window, deadline):
        self.deadline = deadline
        self.profile = tempfile.mkdtemp(prefix="scaf-browser-")
        self.replies, self.console, self.sent = queue.Queue(), [], 0
        # Chromium reads commands on descriptor 3 and writes answers on 4. Ours are first moved out of the way of those two.
        command_read, self.command = [fcntl.fcntl(f, fcntl.F_DUPFD_CLOEXEC, 10) for f in os.pipe()]
        self.answer, answer_write = [fcntl.fcntl(f, fcntl.F_DUPFD_CLOEXEC, 10) for f in os.pipe()]

        def pipes():
            os.dup2(command_read, 3)
            os.dup2(answer_write, 4)

        self.process = subprocess.Popen(
            [
                program, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.profile}",
                f"--window-size={window.replace('x', ',')}",
                "--no-sandbox",  # root, and containers, may not make one
                "--disable-dev-shm-usage",  # /dev/shm is 64 MB in containers
                "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--disable-extensions", "--mute-audio",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
                "--disable-features=Translate,MediaRouter,OptimizationHints", "about:blank",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            close_fds=False, preexec_fn=pipes, start_new_session=True,
        )
        os.close(command_read)
        os.close(answer_write)
        threading.Thread(target=self._read, daemon=True).start()
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.page(f"{domain}.enable")

    def _read(self):
        data = b""
        while True:
            try:
                part = os.read(self.answer, 1 << 16)
            except OSError:
                part = b""
            if not part:
                self.replies.put(None)
                return
            data += part
            while b"\0" in data:
                one, data = data.split(b"\0", 1)
                message = json.loads(one)
                if "id" in message:
                    self.replies.put(message)
                elif message["method"] == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                    entry = message["params"]["entry"]
                    self.console.append(f"{entry['text']} {entry.get('url', '')}".strip())
                elif message["method"] == "Runtime.exceptionThrown":
                    self.console.append(message["params"]["exceptionDetails"].get("text", "exception"))

    def call(self, method, params=None, session=None):
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        try:
            while data:
                data = data[os.write(self.command, data):]
            while True:
                reply = self.replies.get(timeout=max(0.1, self.deadline - time.monotonic()))
                if reply is None:
                    raise Trouble(f"Chromium ended (status {self.process.wait()})")
                if reply["id"] == self.sent:
                    break
        except queue.Empty:
            raise Trouble(f"Chromium did not answer to {method} in time") from None
        except BrokenPipeError:
            raise Trouble(f"Chromium ended (status {self.process.wait()})") from None
        if "error" in reply:
            raise Trouble(f"{method}: {reply['error'].get('message')}")
        return reply["result"]

    def page(self, method, params=None):
        return self.call(method, params, self.session)

    def script(self, source):
        """The value of a JavaScript expression in the page; a promise is waited for."""
        result = self.page("Runtime.evaluate", {"expression": source, "awaitPromise": True, "returnByValue": True})
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise Trouble(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def wait(self, what, source, stop=None):
        """Polls an expression until it is true, or `stop` raises."""
        while time.monotonic() < self.deadline:
            try:
                value = self.script(source)
            except Trouble as error:
                # While a page is being replaced there is nothing to ask.
                if "context" not in str(error) and "navigat" not in str(error):
                    raise
                value = None
            if value:
                return value
            if stop:
                stop()
            time.sleep(0.1)
        raise Trouble(f"timeout while waiting for {what}")

    def goto(self, url):
        result = self.page("Page.navigate", {"url": url})
        if result.get("errorText"):
            raise Trouble(f"{result['errorText']}: {re.sub('token=[^&]*', 'token=***', url)}")

    def key(self, key, code, number, modifiers=0, text=None):
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers}
        self.page("Input.dispatchKeyEvent", {"type": "keyDown", **common, **({"text": text} if text else {})})
        self.page("Input.dispatchKeyEvent", {"type": "keyUp", **common})

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.page("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})

    def screenshot(self, path):
        with open(path, "wb") as out:
            out.write(base64.b64decode(self.page("Page.captureScreenshot", {"format": "png"})["data"]))

    def close(self):
        try:
            self.deadline = time.monotonic() + 5
            self.call("Browser.close")
        except Trouble:
            pass
        os.close(self.command)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)  # its own session, so its own group
            self.process.wait()
        # Its helpers may still be writing for a moment.
        shutil.rmtree(self.profile, ignore_errors=True)
        shutil.rmtree(self.profile, ignore_errors=True)


# In the page: the last code cell of the notebook in front, and what is known of it.
CELL = """(() => {
  const panel = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)');
  if (!panel) return null;
  const cells = panel.querySelectorAll('.jp-Notebook .jp-CodeCell');
  const cell = cells[cells.length - 1];
  if (!cell) return null;
  const editor = cell.querySelector('.cm-content');
  if (!editor) return null;
  editor.scrollIntoView({block: 'center'});
  const box = editor.getBoundingClientRect();
  const state = panel.querySelector('.jp-Notebook-ExecutionIndicator');
  const named = panel.querySelector('.jp-KernelName');
  const prompt = cell.querySelector('.jp-InputArea-prompt');
  const output = cell.querySelector('.jp-OutputArea');
  return {
    x: box.left + Math.min(40, box.width / 2), y: box.top + Math.min(10, box.height / 2),
    // Before there is a kernel the indicator says idle, too; running a cell then only opens a dialog.
    kernel: !state || !named || named.textContent.trim() === 'No Kernel' ? null : state.getAttribute('data-status'),
    prompt: prompt ? prompt.textContent.trim() : '',
    focused: editor.contains(document.activeElement) || editor === document.activeElement,
    code: editor.innerText, text: output ? output.innerText.trim() : '',
  };
})()"""
# Dialogs stop everything: "Kernel died", "Select kernel", "Invalid response: 403" and so on.
DIALOG = "[...document.querySelectorAll('.jp-Dialog-content')].map(d => d.innerText.trim()).join(' | ')"


def contents(base, token, name, method="GET", body=None):
    """Jupyter's contents API. Asked from here: the pages of the API itself forbid scripts."""
    request = urllib.request.Request(
        base + "api/contents/" + urllib.parse.quote(name),
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"token {token}"},
    )
    try:
        # No proxy: the server is on this machine.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        try:
            return error.code, json.loads(text)
        except ValueError:
            return error.code, {"message": text[:300]}
    except OSError as error:
        raise Trouble(f"no answer from {base}: {error}") from None


def use(browser, arguments, code, found):
    url = urllib.parse.urlsplit(arguments.url)
    token = urllib.parse.parse_qs(url.query).get("token", [""])[0]
    base = urllib.parse.urlunsplit((url.scheme, url.netloc, re.sub(r"(lab|tree|notebooks)(/.*)?$", "", url.path or "/"), "", ""))
    name = arguments.notebook
    query = urllib.parse.urlencode({"token": token}) if token else ""

    status, entry = contents(base, token, name)
    if status not in (200, 404):
        raise Trouble(f"the server says: HTTP {status} {entry.get('message')}")
    if status == 200:
        notebook = entry["content"]
    else:
        notebook = {"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": {}}
    # With a kernel named, JupyterLab does not ask for one.
    notebook["metadata"].setdefault("kernelspec", {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"})
    last = notebook["cells"][-1] if notebook["cells"] else {}
    if last.get("cell_type") != "code" or "".join(last["source"]).strip():
        notebook["cells"].append({"cell_type": "code", "id": os.urandom(4).hex(), "metadata": {}, "execution_count": None, "outputs": [], "source": ""})
    status, entry = contents(base, token, name, "PUT", {"type": "notebook", "format": "json", "content": notebook})
    if status not in (200, 201):
        raise Trouble(f"the notebook cannot be written: HTTP {status} {entry.get('message')}")

    def dialogs():
        text = browser.script(DIALOG)
        if text:
            raise Trouble(f"JupyterLab shows a dialog: {text}")

    # reset: without the layout of an earlier visit.
    browser.goto(f"{base}lab/tree/{urllib.parse.quote(name)}?reset&{query}")
    browser.wait("JupyterLab and its kernel", f"(c => c && c.kernel === 'idle')({CELL})", dialogs)
    for _ in range(20):
        cell = browser.script(CELL)
        if cell["focused"]:
            break
        browser.click(cell["x"], cell["y"])
        time.sleep(0.1)
    browser.page("Input.insertText", {"text": code})
    browser.wait("the text in the cell", f"(c => c.code.trim() !== '' && c.focused)({CELL})")
    browser.key("Enter", "Enter", 13, modifiers=8, text="\r")  # Shift+Enter runs the cell and makes a new one below
    # It is the cell before the new one that counts now.
    ran = CELL.replace("cells[cells.length - 1]", "cells[cells.length - 2]")
    browser.wait("the end of the cell", f"(c => c && /\\[\\d+\\]/.test(c.prompt) && c.kernel === 'idle')({ran})", dialogs)
    time.sleep(0.3)  # the last output is drawn after the kernel is idle
    cell = browser.script(ran)
    found.update(prompt=cell["prompt"], text=cell["text"], kernel=cell["kernel"], title=browser.script("document.title"))

    browser.key("s", "KeyS", 83, modifiers=2)
    end = min(browser.deadline, time.monotonic() + 8)
    while time.monotonic() < end and not found["saved"]:
        status, entry = contents(base, token, name)
        done = [c for c in entry["content"]["cells"] if c["cell_type"] == "code" and c.get("execution_count")] if status == 200 else []
        if done and "".join(done[-1]["source"]).strip() == code.strip():
            found.update(saved=True, outputs=done[-1]["outputs"])
        elif browser.script(DIALOG):
            found["save_error"] = browser.script(DIALOG)
            break
        time.sleep(0.2)
    wrong = [o for o in found["outputs"] or [] if o["output_type"] == "error"]
    if wrong:
        raise Trouble(f"the cell failed: {wrong[0]['ename']}: {wrong[0]['evalue']}")
    found["ok"] = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("url")
    parser.add_argument("code")
    parser.add_argument("--notebook", default="browser.ipynb")
    parser.add_argument("--screenshot")
    parser.add_argument("--timeout", type=float, default=90)
    parser.add_argument("--window", default="1400x900")
    parser.add_argument("--chromium")
    arguments = parser.parse_args()
    code = sys.stdin.read() if arguments.code == "-" else arguments.code
    program = arguments.chromium or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    found = {"ok": False, "title": None, "prompt": None, "text": None, "outputs": None, "saved": False, "kernel": None}
    start, browser = time.monotonic(), None
    try:
        if not program:
            raise Trouble("no Chromium here (tools.sh install chromium)")
        while True:
            browser = Chromium(program, arguments.window, start + arguments.timeout)
            try:
                use(browser, arguments, code, found)
                break
            except Trouble:
                # Containers of other tests come and go, and their interfaces with them; Chromium then breaks off
                # what it is loading (seen with 143). That says nothing of the page: once more in a new window.
                if not any("ERR_NETWORK_CHANGED" in line for line in browser.console) or time.monotonic() > browser.deadline:
                    raise
                browser.close()
    except Trouble as error:
        found.update(ok=False, error=str(error))
    finally:
        if browser:
            if arguments.screenshot:  # of a failure most of all
                browser.deadline = time.monotonic() + 10
                try:
                    browser.screenshot(arguments.screenshot)
                except Trouble as error:
                    found.setdefault("error", f"no screenshot: {error}")
            browser.close()
            found["console"] = browser.console
    found["seconds"] = round(time.monotonic() - start, 1)
    print(json.dumps(found))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
