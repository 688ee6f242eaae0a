"""curl with our output, as the help shows it: no token on any command line.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/curl.py
"""

import json
import subprocess

from _checks import USERS, entra_token, expect, run


def curl(form, *arguments):
    """Graph's answer when curl is given the token in this form on its standard input."""
    command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments, USERS]
    done = subprocess.run(command, input=entra_token("-o", form), stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    body, _, status = done.stdout.rpartition("\n")
    expect(status == "200", f"{status} {body}")
    return f"{len(json.loads(body)['value'])} users"


run(config=lambda: curl("curl", "-K", "-"), header=lambda: curl("header", "-H", "@-"))
