"""azure-identity, unmodified: its own ways to a token, beside us where the environment says who a person is, and `-o az` in the
place of the Azure CLI.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/azure_identity.py
"""

import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest.mock
import warnings

import requests
from _checks import CLIENT, PARAMETERS, SCOPE, TENANT, USERS, expect, run
from azure.core.credentials import AccessToken
from azure.identity import AzureCliCredential, ClientSecretCredential, EnvironmentCredential, UsernamePasswordCredential

DESKTOP = "cd9e0245-eed7-4fa7-98d1-d89daf959234"
ADELE = ("AdeleV@contoso.onmicrosoft.com", "local~adele.Q8fuWz4vKp")
NESTOR = ("NestorW@sso.contoso.com", "local~nesto.R8vbHq2kTz")
ME = "https://graph.microsoft.com/v1.0/me"

# Names and passwords are on their way out there as well, and it says so each time.
warnings.simplefilter("ignore", DeprecationWarning)

AZ = """#!/bin/sh
test "$1 $2" = "account get-access-token" || exit 64
exec "$ENTRA_TOKEN" client-creds "$PARAMETERS" -o az
"""


def use(token, address=USERS):
    """The token is good for what Graph has there, and lives for about as long as it says."""
    left = token.expires_on - time.time()
    expect(600 < left < 90000, f"{left} seconds")
    answer = requests.get(address, headers={"Authorization": f"Bearer {token.token}"}, timeout=30)
    expect(answer.status_code == 200, answer.text)
    return answer.json()


def users(token):
    return f"{len(use(token)['value'])} users"


def secret():
    return users(ClientSecretCredential(TENANT, CLIENT, os.environ["AZURE_CLIENT_SECRET"]).get_token(SCOPE))


def cli():
    with tempfile.TemporaryDirectory() as folder:
        az = pathlib.Path(folder) / "az"
        az.write_text(AZ)
        az.chmod(0o755)
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
        os.environ["PARAMETERS"] = PARAMETERS
        return users(AzureCliCredential().get_token(SCOPE))


def environment(name, password):
    """What both read of a person. An app's secret would come first there, and go along here."""
    kept = {variable: value for variable, value in os.environ.items() if variable != "AZURE_CLIENT_SECRET"}
    return {**kept, "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": DESKTOP, "AZURE_USERNAME": name, "AZURE_PASSWORD": password}


def of_name(name, password):
    return UsernamePasswordCredential(DESKTOP, name, password, tenant_id=TENANT).get_token(SCOPE)


def of_environment(name, password):
    with unittest.mock.patch.dict(os.environ, environment(name, password), clear=True):
        return EnvironmentCredential().get_token(SCOPE)


def ours(name, password):
    command = [os.environ["ENTRA_TOKEN"], "username-password", "--scope", SCOPE, "-q", "-o", "json"]
    variables = environment(name, password)
    found = json.loads(subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout)
    return AccessToken(found["access_token"], found["expires_on"])


def person(credential, *known):
    """Its token and ours are good for the same: who the person is."""
    theirs, own = use(credential(*known), ME), use(ours(*known), ME)
    expect(theirs == own and own["userPrincipalName"] == known[0], (theirs, own))
    return own["userPrincipalName"]


run(
    ClientSecretCredential=secret,
    AzureCliCredential=cli,
    UsernamePasswordCredential=lambda: person(of_name, *ADELE),
    UsernamePasswordCredential_federated=lambda: person(of_name, *NESTOR),
    EnvironmentCredential=lambda: person(of_environment, *ADELE),
    EnvironmentCredential_federated=lambda: person(of_environment, *NESTOR),
)
