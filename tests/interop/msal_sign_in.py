"""MSAL Python and its extensions, unmodified, share people's sign-ins with us: whoever signed in by the one is signed in by the
other, and who signs out by the one is gone for both.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/msal_sign_in.py

Somebody sits at the browser, and signs in there by themself.
"""

import json
import os
import shlex
import subprocess

import msal
import requests
from _checks import TENANT, at_home, expect, home, run
from msal_extensions import FilePersistence, PersistedTokenCache

LOGIN = "https://login.microsoftonline.com"
TENANT_ID = "0587a79d-1516-432b-a35d-2869f97b9033"
BY_ID, BY_DOMAIN, BY_NOBODY = f"{LOGIN}/{TENANT_ID}", f"{LOGIN}/{TENANT}", f"{LOGIN}/organizations"
DESKTOP = "cd9e0245-eed7-4fa7-98d1-d89daf959234"
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
AZURE_POWERSHELL = "1950a258-227b-4e31-a9cf-717495945fc2"
USER = "AdeleV@contoso.onmicrosoft.com"
SCOPE = "User.Read"
ARM = "https://management.core.windows.net//.default"
ORDERS = "api://ce4f2c9b-faff-47d7-b531-215741d25e35/.default"
DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"
PATIENCE = 120

# Python waits for a browser that it is not told to leave alone, and this one waits for the answer of whoever opened it.
BROWSER = os.environ["BROWSER"]
QUIETLY = f"exec {shlex.quote(BROWSER)} \"$0\" >/dev/null"
os.environ["BROWSER"] = f"sh -c {shlex.quote(QUIETLY)} %s &"


class Counting(requests.Session):
    """Counts what is asked of the token endpoint."""

    posts = 0

    def request(self, method, url, **options):
        self.posts += method == "POST"
        return super().request(method, url, **options)


def application(file, client=DESKTOP, authority=BY_ID):
    """MSAL, started anew, and the requests that it makes."""
    session = Counting()
    cache = PersistedTokenCache(FilePersistence(str(file)))
    return msal.PublicClientApplication(client, authority=authority, token_cache=cache, http_client=session), session


def interactively(app, scope):
    return app.acquire_token_interactive([scope], timeout=PATIENCE)


def by_device(app, scope):
    flow = app.initiate_device_flow([scope])
    expect("user_code" in flow, flow)
    return app.acquire_token_by_device_flow(flow)


def by_refresh_token(app, scope):
    return app.acquire_token_by_refresh_token(os.environ["LOCAL_TENANT_REFRESH_TOKEN"], [scope])


def signed_in(file, way, scope=SCOPE, **options):
    """The tokens of a sign-in by MSAL."""
    found = way(application(file, **options)[0], scope)
    expect("access_token" in found, found)
    return found


def silently(file, scope=SCOPE, **options):
    """MSAL's token without a sign-in, where it was from, and how many requests it took."""
    app, session = application(file, **options)
    accounts = app.get_accounts()
    expect([account["username"] for account in accounts] == [USER], f"accounts: {accounts}")
    found = app.acquire_token_silent_with_error([scope], accounts[0])
    expect(found and "access_token" in found, found)
    return found["access_token"], found["token_source"], session.posts


def program(file, *arguments, offline=False, status=0):
    """What our program prints. A browser that it opens leaves a mark beside the cache."""
    folder = file.parent
    script = folder / "browser"
    script.write_text(f"#!/bin/sh\necho \"$1\" >>{shlex.quote(str(folder / 'opened'))}\nexec {shlex.quote(BROWSER)} \"$1\"\n")
    script.chmod(0o700)
    environment = at_home(folder) | {"BROWSER": str(script)}
    if offline:
        environment |= {name: "http://127.0.0.1:9" for name in ("HTTPS_PROXY", "https_proxy")}
    command = [os.environ["ENTRA_TOKEN"], *arguments, "--cache", str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    expect(done.returncode == status and "warning" not in done.stderr, f"{command} ended with {done.returncode} and said: {done.stderr}")
    return done.stdout


def ours(file, *arguments, flow="auth-code", scope=SCOPE, client=DESKTOP, authority=BY_ID, **options):
    """Our token, and where it was from."""
    asked = ["--authority", authority, "--client-id", client, "--scope", scope, "-o", "json"]
    found = json.loads(program(file, flow, *asked, *arguments, **options))
    expect(found["account"]["username"] == USER, found["account"])
    return found["access_token"], found["source"]


def opened(file):
    marks = file.parent / "opened"
    return marks.read_text().splitlines() if marks.exists() else []


def may_ask(authority, source):
    """MSAL stores tokens by the tenant's id. Which one a domain stands for the platform alone knows, and may be asked."""
    return authority == BY_DOMAIN and source == "refresh_token"


def after_theirs(way, theirs=BY_ID, asked=BY_ID, client=DESKTOP):
    """Who signed in by MSAL is signed in here."""
    with home() as folder:
        file = folder / "cache.json"
        found = signed_in(file, way, client=client, authority=theirs)
        options = {"client": client, "authority": asked}
        same = ours(file, "--silent", offline=asked == BY_ID, **options)
        expect(same == (found["access_token"], "cache") or may_ask(asked, same[1]), f"source {same[1]}")
        other = ours(file, "--silent", scope=ARM, **options)
        expect(other[1] == "refresh_token", f"source {other[1]}")
        expect(ours(file, "--silent", scope=ARM, **options) == (other[0], "cache"), "the new token is not kept")
        expect(not opened(file), f"opened: {opened(file)}")
        listed = json.loads(program(file, "cache", "list", "-o", "json"))
        kinds = {item["kind"] for item in listed if item["account"]["username"] == USER}
        expect({"access_token", "refresh_token", "account"} <= kinds, listed)
        # What was got here serves MSAL, and the refresh token that came with it.
        arm = silently(file, ARM, client=client, authority=theirs)
        expect(arm == (other[0], "cache", 0), arm[1:])
        third = silently(file, ORDERS if client == DESKTOP else DATABRICKS, client=client, authority=theirs)
        expect(third[1:] == ("identity_provider", 1), third[1:])
        return f"{USER}, {', '.join(sorted(kinds))}"


def after_ours(flow, asked=BY_ID, theirs=BY_ID, client=DESKTOP):
    """Who signed in here is signed in by MSAL."""
    with home() as folder:
        file = folder / "cache.json"
        found, source = ours(file, flow=flow, client=client, authority=asked)
        expect((source, len(opened(file))) == ("network", 1 if flow == "auth-code" else 0), f"source {source}, opened: {opened(file)}")
        options = {"client": client, "authority": theirs}
        same = silently(file, **options)
        expect(same == (found, "cache", 0), same[1:])
        other = silently(file, ARM, **options)
        expect(other[1:] == ("identity_provider", 1), other[1:])
        again = ours(file, "--silent", scope=ARM, client=client, authority=asked, offline=asked == BY_ID)
        expect(again == (other[0], "cache") or may_ask(asked, again[1]), f"source {again[1]}")
        expect(file.stat().st_mode & 0o777 == 0o600, oct(file.stat().st_mode))
        return USER


def signed_out_by_us():
    with home() as folder:
        file = folder / "cache.json"
        signed_in(file, interactively)
        program(file, "cache", "remove", "--username", USER)
        accounts = application(file)[0].get_accounts()
        expect(accounts == [], accounts)
        ask = ["auth-code", "--authority", BY_ID, "--client-id", DESKTOP, "--scope", SCOPE, "--silent"]
        expect(program(file, *ask, status=4) == "", "there is a token")
        return "exit 4"


def signed_out_by_them():
    with home() as folder:
        file = folder / "cache.json"
        ours(file)
        app, _ = application(file)
        (account,) = app.get_accounts()
        app.remove_account(account)
        ask = ["auth-code", "--authority", BY_ID, "--client-id", DESKTOP, "--scope", SCOPE, "--silent"]
        expect(program(file, *ask, status=4) == "", "there is a token")
        return "exit 4"


def az_login(client):
    """A person's `az login`, in the file where it is kept: a sign-in for all of the family, which stays the Azure CLI's."""
    with home() as folder:
        file = folder / ".azure/msal_token_cache.json"
        file.parent.mkdir()
        signed_in(file, interactively, ARM, client=AZURE_CLI, authority=BY_NOBODY)
        for authority in (BY_NOBODY, BY_ID):
            asked = ["--authority", authority, "--client-id", client, "--resource", "databricks", "--silent", "-o", "json"]
            found = json.loads(program(file, "auth-code", *asked))
            expect(found["account"]["username"] == USER and found["source"] in ("refresh_token", "cache"), found["source"])
        expect(found["source"] == "cache" and not opened(file), f"source {found['source']}, opened: {opened(file)}")
        # It signs in at `organizations`, and asks for tokens at the tenant.
        theirs = silently(file, DATABRICKS, client=AZURE_CLI)
        wanted = (found["access_token"], "cache", 0) if client == AZURE_CLI else (theirs[0], "identity_provider", 1)
        expect(theirs == wanted, theirs[1:])
        return found["client_id"]


run(
    we_after_MSAL_interactively=lambda: after_theirs(interactively),
    we_after_MSAL_by_device_code=lambda: after_theirs(by_device),
    we_after_MSAL_by_domain=lambda: after_theirs(interactively, theirs=BY_DOMAIN, asked=BY_DOMAIN),
    we_after_MSAL_by_refresh_token=lambda: after_theirs(by_refresh_token, client=AZURE_CLI),
    MSAL_after_our_auth_code=lambda: after_ours("auth-code"),
    MSAL_after_our_device_code=lambda: after_ours("device-code"),
    MSAL_after_our_auth_code_by_domain=lambda: after_ours("auth-code", asked=BY_DOMAIN, theirs=BY_DOMAIN),
    MSAL_by_id_after_ours_by_domain=lambda: after_ours("auth-code", asked=BY_DOMAIN),
    MSAL_by_id_after_ours_at_organizations=lambda: after_ours("auth-code", asked=BY_NOBODY, client=AZURE_CLI),
    we_sign_MSAL_out=signed_out_by_us,
    MSAL_signs_us_out=signed_out_by_them,
    sign_in_of_the_Azure_CLI=lambda: az_login(AZURE_CLI),
    sign_in_of_the_Azure_CLI_for_Azure_PowerShell=lambda: az_login(AZURE_POWERSHELL),
)
