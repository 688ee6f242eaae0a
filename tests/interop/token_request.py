"""Our token request beside MSAL Python's, as they arrive: the same fields, and headers that the platform knows.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/token_request.py
"""

import http.server
import json
import os
import threading
import urllib.parse

import msal
import requests
from _checks import CLIENT, SCOPE, TENANT, entra_token, expect, run

# Headers that only one side sends. MSAL counts its own use; we ask for our id back, so that it is in every answer.
ONLY_MSAL = {"x-client-current-telemetry", "x-client-last-telemetry"}
ONLY_US = {"return-client-request-id"}
# Headers that both send, each with its own value.
OWN_VALUE = {"client-request-id", "user-agent", "x-client-sku", "x-client-ver"}
# About the connection and the answer's bytes.
TRANSPORT = {"accept-encoding", "connection", "content-length", "host"}


class Recorder(http.server.BaseHTTPRequestHandler):
    posts = []

    def do_GET(self):
        origin = f"https://{self.headers['Host']}/{TENANT}"
        self.answer({
            "issuer": f"{origin}/v2.0",
            "authorization_endpoint": f"{origin}/oauth2/v2.0/authorize",
            "token_endpoint": f"{origin}/oauth2/v2.0/token",
        })

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.posts.append((self.path, headers, sorted(urllib.parse.parse_qsl(body, strict_parsing=True))))
        self.answer({"token_type": "Bearer", "expires_in": 3599, "access_token": "recorded"})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class WithoutTls(requests.Session):
    """MSAL believes in https only; this machine is reached without."""

    def request(self, method, url, **options):
        return super().request(method, url.replace("https://localhost:", "http://localhost:"), **options)


def both():
    server = http.server.ThreadingHTTPServer(("localhost", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    authority = f"//localhost:{server.server_port}/{TENANT}"
    client = msal.ConfidentialClientApplication(
        CLIENT,
        client_credential=os.environ["AZURE_CLIENT_SECRET"],
        authority=f"https:{authority}",
        instance_discovery=False,
        http_client=WithoutTls(),
    )
    result = client.acquire_token_for_client([SCOPE])
    expect(result.get("access_token") == "recorded", result)
    expect(entra_token("--authority", f"http:{authority}") == "recorded\n", "another token")
    expect(len(Recorder.posts) == 2, f"{len(Recorder.posts)} requests")
    return Recorder.posts


def path():
    expect(msals[0] == ours[0], (msals[0], ours[0]))
    return ours[0]


def fields():
    expect(msals[2] == ours[2], f"MSAL sends {dict(msals[2]).keys()}, we {dict(ours[2]).keys()}, or their values differ")
    return ", ".join(name for name, _ in ours[2])


def headers():
    theirs = {name: value for name, value in msals[1].items() if name not in TRANSPORT | ONLY_MSAL}
    own = {name: value for name, value in ours[1].items() if name not in TRANSPORT | ONLY_US}
    expect(theirs.keys() == own.keys(), f"only MSAL sends {theirs.keys() - own.keys()}, only we {own.keys() - theirs.keys()}")
    other = {name: (theirs[name], own[name]) for name in own if theirs[name] != own[name]}
    expect(other.keys() == OWN_VALUE, f"values (MSAL's, ours) differ: {other}")
    return ", ".join(sorted(own))


msals, ours = both()
run(path=path, fields=fields, headers=headers)
