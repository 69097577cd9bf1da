"""An OpenAI-compatible server of one folder of weights.

`python -m tests.evaluation.tiny_server DIR` prints its address, then serves. It knows nothing of
spinebench: transformers alone answers.
"""

import base64
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Model:
    """One model, one request at a time."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

        self.processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        self.processor.image_processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
        self.model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        self.lock = threading.Lock()

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        messages = [{**m, "content": _parts(m["content"])} for m in body["messages"]]
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or 16
        with self.lock:
            inputs = self.processor.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=True,
                return_tensors="pt",
            )  # fmt: skip
            found = self.model.generate(**inputs, max_new_tokens=limit, do_sample=False)
        given = inputs["input_ids"].shape[1]
        tokens = found[0, given:].tolist()
        ended = tokens[-1] == self.model.generation_config.eos_token_id
        text = self.processor.tokenizer.decode(tokens, skip_special_tokens=True)
        choice = {
            "index": 0, "message": {"role": "assistant", "content": text},
            "finish_reason": "stop" if ended else "length",
        }  # fmt: skip
        usage = {
            "prompt_tokens": given, "completion_tokens": len(tokens),
            "total_tokens": given + len(tokens),
        }  # fmt: skip
        return {
            "id": "x", "object": "chat.completion", "created": 0, "model": body["model"],
            "choices": [choice], "usage": usage,
        }  # fmt: skip


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_picture(part) if part["type"] == "image_url" else part for part in content]


def _picture(part: dict[str, Any]) -> dict[str, Any]:
    from PIL import Image

    data = base64.b64decode(part["image_url"]["url"].partition(";base64,")[2])
    return {"type": "image", "image": Image.open(io.BytesIO(data)).convert("RGB")}


def main(folder: Path) -> None:
    model = Model(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            data = json.dumps(model.answer(body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    with Listener(("127.0.0.1", 0), Handler) as httpd:
        print(f"http://127.0.0.1:{httpd.server_address[1]}/v1", flush=True)
        httpd.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
