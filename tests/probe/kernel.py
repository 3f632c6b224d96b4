#!/usr/bin/env python3
"""Runs a piece of code in a kernel of a Jupyter server, as a notebook does, and prints what it printed.

usage: kernel.py URL CODE      (URL with ?token=…; needs websocket-client, which comes with jupyter)
"""
import json
import sys
import urllib.parse
import urllib.request
import uuid

import websocket


def main():
    url, code = sys.argv[1:]
    parts = urllib.parse.urlsplit(url)
    token = urllib.parse.parse_qs(parts.query)["token"][0]
    address = f"{parts.hostname}:{parts.port}"

    def ask(method, path, body=None):
        request = urllib.request.Request(
            f"http://{address}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    # As the page does it: a notebook lies in `notebooks/` or beside the code; a session without a file of its own
    # starts in the server's root.
    kernel = ask("POST", "/api/kernels", {"name": "python3"})["id"]
    channel = websocket.create_connection(
        f"ws://{address}/api/kernels/{kernel}/channels", header=[f"Authorization: token {token}"], timeout=120
    )
    message = str(uuid.uuid4())
    channel.send(json.dumps({
        "header": {"msg_id": message, "msg_type": "execute_request", "username": "", "session": "probe", "version": "5.3"},
        "parent_header": {}, "metadata": {}, "channel": "shell",
        "content": {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False},
    }))
    failed = False
    while True:
        said = json.loads(channel.recv())
        if said.get("parent_header", {}).get("msg_id") != message:
            continue
        kind, content = said["header"]["msg_type"], said["content"]
        if kind == "stream":
            sys.stdout.write(content["text"])
        elif kind == "error":
            failed = True
            sys.stderr.write("\n".join(content["traceback"]) + "\n")
        elif kind == "status" and content["execution_state"] == "idle":
            break
    channel.close()
    ask("DELETE", f"/api/kernels/{kernel}")
    sys.exit(1 if failed else 0)


main()
