"""What we ask for when a person signs in beside what MSAL Python asks for, as it arrives: in the browser, with the code that came
of it, and with the code of a device.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/sign_in_request.py
"""

import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import urllib.parse

import msal
from _checks import expect, run
from _recorder import OWN_VALUE, WithoutTls, recorded, same_fields, same_headers, same_path, serve

DESKTOP = "cd9e0245-eed7-4fa7-98d1-d89daf959234"
SCOPE = "User.Read"
HINTS = {"login_hint": "AdeleV@contoso.onmicrosoft.com", "domain_hint": "contoso.com", "prompt": "select_account"}

# What each draws for itself, and the port that each listens on.
DRAWN = {"state", "nonce", "code_challenge", "redirect_uri"}
VERIFIED = {"code_verifier", "redirect_uri"}
# Which of the platform's machines is near who is expected.
ROUTED = {"X-AnchorMailbox"}
# MSAL names a device's code by an older name too.
OLDER = {"code"}
# MSAL does not say there that it reads JSON, nor how it is used.
UNSAID = {"own_value": OWN_VALUE | {"accept"}, "only_msal": set()}

# Notes the address, and answers as the page does that sends itself on.
BROWSER = """#!{python}
import pathlib, sys, urllib.parse, urllib.request
with pathlib.Path(__file__).with_name("opened").open("a") as opened:
    opened.write(sys.argv[1] + "\\n")
asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(sys.argv[1]).query))
answer = urllib.parse.urlencode(dict(code="recorded", state=asked["state"])).encode()
urllib.request.urlopen(asked["redirect_uri"], answer).read()
"""


def program(flow, *arguments):
    """Our program with that authority."""
    asked = ["--authority", f"http:{authority}", "--client-id", DESKTOP, "--scope", SCOPE, *arguments]
    done = subprocess.run([os.environ["ENTRA_TOKEN"], flow, *asked], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    expect(done.stdout == "recorded\n", f"ended with {done.returncode} and said: {done.stderr}")


def application():
    options = {"authority": f"https:{authority}", "instance_discovery": False, "http_client": WithoutTls()}
    return msal.PublicClientApplication(DESKTOP, **options)


def is_recorded(result):
    expect(result.get("access_token") == "recorded", result)


def in_browser():
    """The addresses that were opened, MSAL's and ours, and the requests that followed."""
    with tempfile.TemporaryDirectory(prefix="sign-in-request-") as folder:
        script = pathlib.Path(folder, "browser")
        script.write_text(BROWSER.format(python=sys.executable))
        script.chmod(0o700)
        # Python waits for a browser that it is not told to leave alone, and this one waits for Python.
        os.environ["BROWSER"] = f"{shlex.quote(str(script))} %s &"
        is_recorded(application().acquire_token_interactive([SCOPE], timeout=120, **HINTS))
        program("auth-code", *[word for name, value in HINTS.items() for word in (f"--{name.replace('_', '-')}", value)])
        opened = script.with_name("opened").read_text().splitlines()
    posts = recorded()
    expect(len(opened) == len(posts) == 2, f"{len(opened)} addresses, {len(posts)} requests")
    return [urllib.parse.urlsplit(address) for address in opened], posts


def on_device():
    """The requests for a code and with it, of each."""
    app = application()
    is_recorded(app.acquire_token_by_device_flow(app.initiate_device_flow([SCOPE])))
    program("device-code")
    posts = recorded()
    expect(len(posts) == 4, f"{len(posts)} requests")
    return posts[:2], posts[2:]


def address():
    theirs, own = (sorted(urllib.parse.parse_qsl(address.query, strict_parsing=True)) for address in opened)
    expect(opened[0].path == opened[1].path, (opened[0].path, opened[1].path))
    return same_fields(in_order(theirs), in_order(own), DRAWN, only_msal=ROUTED)


def drawn():
    """What each draws for itself is of the same kind, and ours no shorter where that could be told apart."""
    theirs, own = (dict(urllib.parse.parse_qsl(address.query)) for address in opened)
    for asked in (theirs, own):
        expect(urllib.parse.urlsplit(asked["redirect_uri"]).hostname == "localhost", asked["redirect_uri"])
        expect((len(asked["code_challenge"]), asked["code_challenge_method"]) == (43, "S256"), asked)
    expect(len(own["state"]) >= len(theirs["state"]) and len(own["nonce"]) >= 43, (own["state"], own["nonce"]))
    return f"state of {len(own['state'])} characters, nonce of {len(own['nonce'])}"


def in_order(fields):
    """The order of scopes says nothing."""
    return [(name, " ".join(sorted(value.split())) if name == "scope" else value) for name, value in fields]


def fields(msals, ours, **differences):
    return same_fields(in_order(msals[2]), in_order(ours[2]), **differences)


authority = serve()
opened, (msals, ours) = in_browser()
msals_device, our_device = on_device()
run(
    address_of_the_page=address,
    what_each_draws=drawn,
    code_path=lambda: same_path(msals, ours),
    code_fields=lambda: fields(msals, ours, own_value=VERIFIED),
    code_headers=lambda: same_headers(msals, ours),
    device_path=lambda: same_path(msals_device[0], our_device[0]),
    device_fields=lambda: fields(msals_device[0], our_device[0]),
    device_headers=lambda: same_headers(msals_device[0], our_device[0], **UNSAID),
    poll_path=lambda: same_path(msals_device[1], our_device[1]),
    poll_fields=lambda: fields(msals_device[1], our_device[1], only_msal=OLDER),
    poll_headers=lambda: same_headers(msals_device[1], our_device[1]),
)
