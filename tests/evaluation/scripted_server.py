"""An OpenAI-compatible server on loopback that answers as it is told and keeps what it was sent."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the server says to one request."""

    text: str = ""
    finish_reason: str = "stop"
    status: int = 200
    raw: bytes | None = None  # the whole body, whatever it is
    cut: float = 1.0  # share of the body that is sent before the connection is closed
    wait_s: float = 0.0  # before anything is sent


@dataclass
class Received:
    """One request, taken apart."""

    text: str
    kinds: list[str]  # of the content parts, in order
    image_sha256: list[str]
    body: dict[str, Any]


@dataclass
class Server:
    """The running server: where it is and what came in."""

    url: str
    received: list[Received] = field(default_factory=list)


class _Listener(ThreadingHTTPServer):
    request_queue_size = 128  # all samples may call at once; the default of 5 refuses some
    daemon_threads = True  # a client that keeps its connection open must not hold up the end

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing to say: a client that was killed leaves its requests unfinished."""


@contextmanager
def scripted_server(reply: Callable[[Received], Reply]) -> Iterator[Server]:
    """Serve `/v1/chat/completions` in a thread until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = _take_apart(body)
            server.received.append(request)
            self._send(reply(request), body["model"])

        def _send(self, answer: Reply, model: str) -> None:
            time.sleep(answer.wait_s)
            if answer.cut == 0:  # hang up without a word
                self.close_connection = True
                return
            message = {"role": "assistant", "content": answer.text}
            whole = {
                "id": "x", "object": "chat.completion", "created": 0, "model": model,
                "choices": [
                    {"index": 0, "message": message, "finish_reason": answer.finish_reason}
                ],
                "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
            }  # fmt: skip
            broken = {"error": {"message": "out of order", "type": "server"}}
            content = whole if answer.status == 200 else broken
            data = json.dumps(content).encode() if answer.raw is None else answer.raw
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # the client may be gone by now
                self.wfile.write(data[: int(answer.cut * len(data))])
            self.close_connection = answer.cut < 1

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with _Listener(("127.0.0.1", 0), Handler) as httpd:
        server = Server(f"http://127.0.0.1:{httpd.server_address[1]}/v1")
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            httpd.shutdown()
            thread.join()


def _take_apart(body: dict[str, Any]) -> Received:
    content = body["messages"][-1]["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    images = [
        p["image_url"]["url"].partition(";base64,")[2] for p in parts if p["type"] == "image_url"
    ]
    return Received(
        text="\n".join(p["text"] for p in parts if p["type"] == "text"),
        kinds=[p["type"] for p in parts],
        image_sha256=[hashlib.sha256(base64.b64decode(data)).hexdigest() for data in images],
        body=body,
    )
