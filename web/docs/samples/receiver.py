# A receiver of Satchel's callbacks in Python 3, with the standard library alone.
import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def verify(secret, headers, body, now=None):
    """Tells whether a callback comes from the server that shares the secret (Standard Webhooks)."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        stamp = int(headers.get("webhook-timestamp", ""))
    except ValueError:
        return False
    if len(key) < 16:  # with an empty key anybody could sign
        return False
    if abs((time.time() if now is None else now) - stamp) > 300:  # too old, or from the future
        return False
    signed = f"{headers.get('webhook-id')}.{stamp}.".encode() + body
    want = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    given = headers.get("webhook-signature", "").encode().split()  # two, while the secret is changed
    return any(hmac.compare_digest(one, want) for one in given)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        # The bytes as they came: nothing parsed and written again.
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if not verify(os.environ.get("SATCHEL_WEBHOOK_SECRET", ""), self.headers, body):
            self.send_response(401)
            self.end_headers()
            return
        invoice = json.loads(body)
        invoice = invoice.get("data", invoice)  # the extended format
        # The same event may come again: self.headers["webhook-id"] is equal then.
        if invoice["status"] in ("confirmed", "complete"):
            print("order", invoice.get("orderId"), "is paid by invoice", invoice["id"], flush=True)
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
