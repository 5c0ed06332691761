"""A Python client, written for the FastAPI Chat Backend, that works with this service unchanged.

Registers if necessary, logs in, prints the history, then sends each line of the standard input and prints the messages of
other users. Needs the package `websockets` (pip install websockets, or Debian's python3-websockets):

    python3 examples/client.py john SecurePass123 [http://localhost:8000]
"""

import asyncio
import json
import sys
import urllib.error
import urllib.request

import websockets

username, password = sys.argv[1:3]
url = sys.argv[3] if len(sys.argv) > 3 else "http://localhost:8000"


def call(path, body=None, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers)) as response:
        return json.load(response)


def log_in():
    credentials = {"username": username, "password": password}
    try:
        call("/api/auth/register", credentials)
    except urllib.error.HTTPError as error:
        # 409 means that the username exists. If it belongs to another user, the login below fails.
        if error.code != 409:
            raise SystemExit(json.load(error)["detail"])
    try:
        return call("/api/auth/login", credentials)["access_token"]
    except urllib.error.HTTPError as error:
        raise SystemExit(json.load(error)["detail"])


def show(name, content):
    print(f"{name}: {content}", flush=True)


async def receive(socket):
    async for text in socket:
        frame = json.loads(text)
        if frame["type"] == "message":
            show(frame["username"], frame["content"])
        elif frame["type"] == "system":
            print(f"* {frame['message']}", flush=True)


async def send_lines(socket):
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await socket.send(json.dumps({"type": "message", "content": line.rstrip("\n")}))
    # Gives the service time to deliver the last messages.
    await asyncio.sleep(0.5)


async def main():
    token = log_in()
    for message in call("/api/chat/messages?limit=50", token=token):
        show(message["username"], message["content"])
    async with websockets.connect(f"{url.replace('http', 'ws', 1)}/ws/chat?token={token}") as socket:
        receiving = asyncio.create_task(receive(socket))
        await send_lines(socket)
        receiving.cancel()


asyncio.run(main())
