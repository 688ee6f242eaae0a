"""azure-identity, unmodified: its own way to a token, and `-o az` in the place of the Azure CLI.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/azure_identity.py
"""

import os
import pathlib
import tempfile
import time

import requests
from _checks import CLIENT, PARAMETERS, SCOPE, TENANT, USERS, expect, run
from azure.identity import AzureCliCredential, ClientSecretCredential

AZ = """#!/bin/sh
test "$1 $2" = "account get-access-token" || exit 64
exec "$ENTRA_TOKEN" client-creds "$PARAMETERS" -o az
"""


def use(token):
    """The token is good for the users of Graph, and lives for about as long as it says."""
    left = token.expires_on - time.time()
    expect(600 < left < 90000, f"{left} seconds")
    answer = requests.get(USERS, headers={"Authorization": f"Bearer {token.token}"}, timeout=30)
    expect(answer.status_code == 200, answer.text)
    return f"{len(answer.json()['value'])} users"


def secret():
    return use(ClientSecretCredential(TENANT, CLIENT, os.environ["AZURE_CLIENT_SECRET"]).get_token(SCOPE))


def cli():
    with tempfile.TemporaryDirectory() as folder:
        az = pathlib.Path(folder) / "az"
        az.write_text(AZ)
        az.chmod(0o755)
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
        os.environ["PARAMETERS"] = PARAMETERS
        return use(AzureCliCredential().get_token(SCOPE))


run(ClientSecretCredential=secret, AzureCliCredential=cli)
