"""An authority that writes down what it is asked, for MSAL's requests and ours side by side."""

import http.server
import json
import threading
import urllib.parse

import requests
from _checks import TENANT, expect

# Headers that only one side sends. MSAL counts its own use; we ask for our id back, so that it is in every answer.
ONLY_MSAL = {"x-client-current-telemetry", "x-client-last-telemetry"}
ONLY_US = {"return-client-request-id"}
# Headers that both send, each with its own value.
OWN_VALUE = {"client-request-id", "user-agent", "x-client-sku", "x-client-ver"}
# About the connection and the answer's bytes.
TRANSPORT = {"accept-encoding", "connection", "content-length", "host"}


class Recorder(http.server.BaseHTTPRequestHandler):
    # Path, headers, fields.
    posts = []

    def do_GET(self):
        origin = f"https://{self.headers['Host']}/{TENANT}"
        self.answer({
            "issuer": f"{origin}/v2.0",
            "authorization_endpoint": f"{origin}/oauth2/v2.0/authorize",
            "token_endpoint": f"{origin}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{origin}/oauth2/v2.0/devicecode",
        })

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.posts.append((self.path, headers, sorted(urllib.parse.parse_qsl(body, strict_parsing=True))))
        if self.path.endswith("/devicecode"):
            page = {"verification_uri": "https://login.example/device", "message": "Sign in."}
            self.answer({**page, "device_code": "recorded", "user_code": "RECORDED", "expires_in": 900, "interval": 1})
        else:
            self.answer({"token_type": "Bearer", "expires_in": 3599, "access_token": "recorded"})

    def answer(self, value):
        self.send("application/json", json.dumps(value).encode())

    def send(self, content_type, body):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class WithoutTls(requests.Session):
    """MSAL believes in https only; this machine is reached without."""

    def request(self, method, url, **options):
        return super().request(method, url.replace("https://localhost:", "http://localhost:"), **options)


def serve(recorder=Recorder):
    """Starts to write down; gives the authority without its scheme."""
    server = http.server.ThreadingHTTPServer(("localhost", 0), recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"//localhost:{server.server_port}/{TENANT}"


def recorded():
    """The requests since the last time."""
    posts, Recorder.posts[:] = Recorder.posts[:], []
    return posts


def same_path(msals, ours):
    expect(msals[0] == ours[0], (msals[0], ours[0]))
    return ours[0]


def same_fields(msals, ours, own_value=frozenset(), only_msal=frozenset(), only_us=frozenset()):
    """The same fields with the same values, but for those that are told: each side's own, and values that each chooses."""
    theirs, own = dict(msals), dict(ours)
    expect(len(msals) == len(theirs) and len(ours) == len(own), "a field is sent twice")
    alone = theirs.keys() - own.keys(), own.keys() - theirs.keys()
    expect(alone == (only_msal, only_us), f"only MSAL sends {alone[0]}, only we {alone[1]}")
    other = {name: (theirs[name], own[name]) for name in own.keys() & theirs.keys() if theirs[name] != own[name]}
    expect(other.keys() == own_value, f"values (MSAL's, ours) differ: {other}")
    return ", ".join(sorted(own))


def same_headers(msals, ours, own_value=OWN_VALUE, only_msal=ONLY_MSAL, only_us=ONLY_US):
    theirs, own = ({name: value for name, value in headers.items() if name not in TRANSPORT} for _, headers, _ in (msals, ours))
    return same_fields(theirs.items(), own.items(), own_value, only_msal, only_us)
