"""MSAL Python and its extensions, unmodified, with the same cache as we have: each reads what the other wrote, and neither
loses or damages what is not its own.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/msal_cache.py
"""

import json
import os
import subprocess
import sys

import msal
from _checks import CLIENT, SCOPE, TENANT, at_home, expect, home, run
from msal_extensions import FilePersistence, PersistedTokenCache

LOGIN = "https://login.microsoftonline.com"
TENANT_ID = "0587a79d-1516-432b-a35d-2869f97b9033"
BY_ID, BY_DOMAIN = f"{LOGIN}/{TENANT_ID}", f"{LOGIN}/{TENANT}"
UNPRIVILEGED = "fad69953-e8e0-4113-8097-c07974554be4"
SECRETS = {CLIENT: os.environ["AZURE_CLIENT_SECRET"], UNPRIVILEGED: "local~unpriv.L1spNxnyVmihA.2O76UMFxFkM.R"}
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
USER = "AdeleV@contoso.onmicrosoft.com"
OTHER_SCOPE = "https://vault.azure.net/.default"

RESOURCES = """
    api://ce4f2c9b-faff-47d7-b531-215741d25e35 https://orders.contoso.example/ https://containerregistry.azure.net
    6dae42f8-4368-4678-94ff-3960e28e3630 https://batch.core.windows.net/ https://cognitiveservices.azure.com
    https://cosmos.azure.com https://eventhubs.azure.net https://kusto.kusto.windows.net https://api.loganalytics.io
    https://ossrdbms-aad.database.windows.net https://search.azure.com https://servicebus.azure.net
    https://analysis.windows.net/powerbi/api https://graph.microsoft.com https://management.azure.com/
    https://database.windows.net/ https://vault.azure.net https://storage.azure.com/ https://api.fabric.microsoft.com
"""
SCOPES = [f"{resource}/.default" for resource in RESOURCES.split()]

# MSAL in a process of its own, which begins when it is told to. Without portalocker its extensions lock in another way.
WORKER = """
import json, logging, sys, time
file, authority, lock, *wanted = sys.argv[1:]
if lock == "without":
    sys.modules["portalocker"] = None
import msal, msal_extensions
logging.basicConfig(level=logging.WARNING)
secrets = json.loads(sys.stdin.readline())
cache = msal_extensions.PersistedTokenCache(msal_extensions.FilePersistence(file))
assert (msal_extensions.token_cache.CrossPlatLock.__module__ == "msal_extensions.filelock") == (lock == "without")
apps = {id: msal.ConfidentialClientApplication(id, client_credential=secret, authority=authority, token_cache=cache)
    for id, secret in secrets.items()}
print("ready", flush=True)
sys.stdin.readline()
start = time.monotonic()
for client, scope in zip(wanted[::2], wanted[1::2]):
    result = apps[client].acquire_token_for_client([scope])
    assert result.get("token_source") == "identity_provider", result
print(time.monotonic() - start)
"""


def entra_token(folder, *arguments, client=None, offline=False, cache=None):
    """Our program in that home, with the cache named or else the default one."""
    environment = at_home(folder) | ({"AZURE_CLIENT_SECRET": SECRETS[client]} if client else {})
    if offline:
        environment |= {name: "http://127.0.0.1:9" for name in ("HTTPS_PROXY", "https_proxy")}
    command = [os.environ["ENTRA_TOKEN"], *arguments, *(["--cache", str(cache)] if cache else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    expect(done.returncode == 0 and "warning" not in done.stderr, f"{command} ended with {done.returncode} and said: {done.stderr}")
    return done.stdout


def ours(folder, authority, scope=SCOPE, client=CLIENT, **options):
    """The token that we get for an app, and where it was from."""
    asked = ["--authority", authority, "--client-id", client, "--scope", scope, "-o", "json"]
    found = json.loads(entra_token(folder, "client-creds", *asked, client=client, **options))
    return found["access_token"], found["source"]


def theirs(file, authority, scope=SCOPE, client=CLIENT, cache=None):
    """The same of MSAL, with a cache that has just been opened."""
    cache = cache or PersistedTokenCache(FilePersistence(str(file)))
    app = msal.ConfidentialClientApplication(client, client_credential=SECRETS[client], authority=authority, token_cache=cache)
    found = app.acquire_token_for_client([scope])
    expect("access_token" in found, found)
    return found["access_token"], found["token_source"]


def we_read(filled_by, asked_by, offline):
    """What MSAL stored is found; offline nothing could be asked of anybody."""
    with home() as folder:
        file = folder / "cache.json"
        token, _ = theirs(file, filled_by)
        found, source = ours(folder, asked_by, cache=file, offline=offline)
        expect((found, source) == (token, "cache"), f"source {source}, the same token: {found == token}")
        expect(ours(folder, asked_by, OTHER_SCOPE, cache=file)[1] == "network", "a token for other scopes was taken")
        return source


def they_read(filled_by, asked_by):
    with home() as folder:
        file = folder / "cache.json"
        token, _ = ours(folder, filled_by, cache=file)
        found, source = theirs(file, asked_by)
        expect((found, source) == (token, "cache"), f"source {source}, the same token: {found == token}")
        expect(theirs(file, asked_by, OTHER_SCOPE)[1] == "identity_provider", "a token for other scopes was taken")
        expect(file.stat().st_mode & 0o777 == 0o600, oct(file.stat().st_mode))
        return source


def default_folder():
    """A file of the default folder is a cache of MSAL's as it is."""
    with home() as folder:
        token, _ = ours(folder, BY_DOMAIN)
        (file,) = (folder / "state/entra-token").glob("app-*.json")
        for authority in (BY_ID, BY_DOMAIN):
            cache = msal.SerializableTokenCache()
            cache.deserialize(file.read_text())
            found = theirs(file, authority, cache=cache)
            expect(found == (token, "cache"), f"source {found[1]}")
        return file.name[:8] + "…"


def in_turns():
    with home() as folder:
        file = folder / "cache.json"
        got = []
        for turn, scope in enumerate(SCOPES[:8]):
            got.append((theirs(file, BY_ID, scope) if turn % 2 else ours(folder, BY_ID, scope, cache=file))[0])
        holds(file, {(CLIENT, scope): token for scope, token in zip(SCOPES, got)})
        return f"{len(got)} tokens"


def at_once(lock):
    """Ten processes of each, each with two tokens that no other wants."""
    with home() as folder:
        file = folder / "cache.json"
        msals, processes = [], []
        for number in range(10):
            wanted = [CLIENT, SCOPES[number], UNPRIVILEGED, SCOPES[number + 10]]
            worker = subprocess.Popen(
                [sys.executable, "-c", WORKER, str(file), BY_ID, lock, *wanted],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            worker.stdin.write(json.dumps(SECRETS) + "\n")
            worker.stdin.flush()
            msals.append(worker)
        for worker in msals:
            expect(worker.stdout.readline() == "ready\n", "MSAL does not start")
        for worker in msals:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for number in range(10):
            one, other = [
                f'AZURE_CLIENT_SECRET=\'{SECRETS[client]}\' "$ENTRA_TOKEN" client-creds --authority {BY_ID} --client-id {client} '
                f"--scope {scope} --cache {file} -o none"
                for client, scope in ((CLIENT, SCOPES[number + 10]), (UNPRIVILEGED, SCOPES[number]))
            ]
            processes.append(subprocess.Popen(["sh", "-c", f"{one} && {other}"], env=at_home(folder), stderr=subprocess.PIPE, text=True))
        said = [process.communicate(timeout=60)[1] for process in processes]
        # On a busy machine a person is told whom it waits for, which is no fault.
        said = ["".join(line for line in text.splitlines(True) if not line.startswith("warning: waiting for ")) for text in said]
        answers = [worker.communicate(timeout=60) for worker in msals]
        expect(not any(process.returncode for process in processes) and not any(said), f"ours: {''.join(said)}")
        expect(not any(worker.returncode for worker in msals), f"MSAL's: {''.join(err for _, err in answers)}")
        expect(not any(err for _, err in answers), f"MSAL said: {''.join(err for _, err in answers)}")
        slowest = max(float(out) for out, _ in answers)
        expect(slowest < 5, f"MSAL waited for {slowest:.1f} seconds")
        holds(file, {(client, scope): None for client in SECRETS for scope in SCOPES})
        return f"{len(SECRETS) * len(SCOPES)} tokens, the slowest MSAL took {slowest:.1f} seconds"


def holds(file, wanted):
    """The file is a cache with exactly these tokens, and nobody's lock is left beside it."""
    entries = json.loads(file.read_text())["AccessToken"].values()
    found = {(entry["client_id"], entry["target"]): entry["secret"] for entry in entries}
    expect(found.keys() == wanted.keys(), f"missing {wanted.keys() - found.keys()}, not wanted {found.keys() - wanted.keys()}")
    expect(len(entries) == len(found), f"{len(entries)} entries for {len(found)} tokens")
    wrong = [key for key, token in wanted.items() if token and found[key] != token]
    expect(not wrong, f"other tokens than were got: {wrong}")
    left = [path.name for path in file.parent.iterdir() if path != file and path.name != "state"]
    expect(not left, f"left beside it: {left}")


def sign_in(file):
    """A person's tokens as MSAL stores them, beside things that nobody knows."""
    cache = PersistedTokenCache(FilePersistence(str(file)))
    app = msal.PublicClientApplication(AZURE_CLI, authority=f"{LOGIN}/organizations", token_cache=cache)
    found = app.acquire_token_by_refresh_token(os.environ["LOCAL_TENANT_REFRESH_TOKEN"], ["User.Read"])
    expect("access_token" in found, found)
    content = json.loads(file.read_text())
    content["SomethingNew"] = {"kept": [1, 2.50, None, "é"]}
    for section in ("Account", "AccessToken"):
        for entry in content[section].values():
            entry["something_new"] = {"deep": ["\u0007", 1e300]}
    file.write_text(json.dumps(content, indent=4))


def signed_in(file, authority=f"{LOGIN}/organizations"):
    """The Azure CLI, started anew: MSAL and the accounts that it sees."""
    cache = PersistedTokenCache(FilePersistence(str(file)))
    app = msal.PublicClientApplication(AZURE_CLI, authority=authority, token_cache=cache)
    return app, app.get_accounts()


def raw_entries(text):
    """Every entry, and every section that is not known, in the very characters of the file."""
    raw = {}
    for section, entries in json.loads(text).items():
        known = section in ("AccessToken", "RefreshToken", "IdToken", "Account", "AppMetadata")
        start = text.index(f"{json.dumps(section)}: ")
        for key in entries if known else [section]:
            begin = text.index(f"{json.dumps(key)}: ", start) + len(json.dumps(key)) + 2
            raw[section, key] = text[begin : json.JSONDecoder().raw_decode(text, begin)[1]]
    return raw


def survival():
    """What we do not know or did not write is there afterwards, to the byte."""
    with home() as folder:
        file = folder / "cache.json"
        sign_in(file)
        before = raw_entries(file.read_text())
        expect({"RefreshToken", "IdToken", "Account"} <= {section for section, _ in before}, before.keys())
        ours(folder, BY_ID, cache=file)
        after = raw_entries(file.read_text())
        changed = [key for key in before if after.get(key) != before[key]]
        expect(not changed, f"changed: {changed}")
        app, accounts = signed_in(file)
        expect(len(accounts) == 1, accounts)
        found = app.acquire_token_silent_with_error(["User.Read"], accounts[0])
        expect(found and found.get("token_source") == "cache", found)
        found = app.acquire_token_silent_with_error(["User.Read"], accounts[0], force_refresh=True)
        expect(found and found.get("token_source") == "identity_provider", found)
        expect(ours(folder, BY_ID, cache=file, offline=True)[1] == "cache", "our token is gone")
        return f"{len(before)} entries"


def listed():
    with home() as folder:
        file = folder / "cache.json"
        sign_in(file)
        ours(folder, BY_ID, cache=file)
        for form in ("json", "text"):
            shown = entra_token(folder, "cache", "list", "-o", form, cache=file)
            secrets = [entry["secret"] for section in json.loads(file.read_text()).values() for entry in section.values()
                       if isinstance(entry, dict) and "secret" in entry]  # fmt: skip
            expect(len(secrets) >= 4 and not any(secret in shown for secret in secrets), "a secret is shown")
            expect(USER in shown and CLIENT in shown, shown)
        items = json.loads(entra_token(folder, "cache", "list", "-o", "json", cache=file))
        kinds = sorted({item["kind"] for item in items})
        return ", ".join(kinds)


def signed_out():
    with home() as folder:
        file = folder / "cache.json"
        sign_in(file)
        token, _ = ours(folder, BY_ID, cache=file)
        entra_token(folder, "cache", "remove", "--username", USER, cache=file)
        _, accounts = signed_in(file)
        expect(accounts == [], accounts)
        left = json.loads(file.read_text())
        expect(not left.get("RefreshToken") and not left.get("IdToken"), left.keys())
        expect(theirs(file, BY_ID) == (token, "cache"), "the app's token is gone too")
        expect(left["SomethingNew"] == {"kept": [1, 2.50, None, "é"]}, "what nobody knows is gone")
        return "no account"


def az_login():
    """What a person's `az login` stored gives tokens here too, for any resource, and stays the Azure CLI's."""
    with home() as folder:
        file = folder / ".azure/msal_token_cache.json"
        file.parent.mkdir()
        sign_in(file)
        asked = ["refresh", "--client-id", AZURE_CLI, "--scope", "https://management.core.windows.net//.default", "-o", "json"]
        found = json.loads(entra_token(folder, *asked, cache=file))
        expect((found["source"], found["account"]["username"]) == ("refresh_token", USER), (found["source"], found.get("account")))
        again = json.loads(entra_token(folder, *asked, cache=file, offline=True))
        expect((again["source"], again["access_token"]) == ("cache", found["access_token"]), again["source"])
        # It signs in at `organizations`, and asks for tokens at the tenant.
        app, accounts = signed_in(file, BY_ID)
        expect([account["username"] for account in accounts] == [USER], accounts)
        theirs = app.acquire_token_silent_with_error(["https://management.core.windows.net//.default"], accounts[0])
        expect(theirs and theirs.get("token_source") == "cache", theirs)
        expect(theirs["access_token"] == found["access_token"], "MSAL has another token")
        # By the refresh token, which is another than before where ours was redeemed.
        theirs = app.acquire_token_silent_with_error(["User.Read"], accounts[0], force_refresh=True)
        expect(theirs and theirs.get("token_source") == "identity_provider", theirs)
        return found["account"]["username"]


def azure_cli():
    """A service principal's sign-in by the Azure CLI: `az login --service-principal` stores this file."""
    with home() as folder:
        file = folder / ".azure/msal_token_cache.json"
        file.parent.mkdir()
        scope = "https://management.core.windows.net//.default"
        token, _ = theirs(file, BY_ID, scope)
        expect(file.stat().st_mode & 0o777 == 0o600, oct(file.stat().st_mode))
        found, source = ours(folder, BY_ID, scope, cache=file, offline=True)
        expect((found, source) == (token, "cache"), source)
        return source


run(
    we_read_by_id_what_MSAL_stored=lambda: we_read(BY_ID, BY_ID, offline=True),
    we_read_by_id_what_MSAL_stored_by_domain=lambda: we_read(BY_DOMAIN, BY_ID, offline=True),
    we_read_by_another_name_of_the_host=lambda: we_read(BY_ID, BY_ID.replace(LOGIN, "https://login.windows.net"), offline=True),
    we_read_by_domain_what_MSAL_stored=lambda: we_read(BY_DOMAIN, BY_DOMAIN, offline=False),
    MSAL_reads_by_id_what_we_stored=lambda: they_read(BY_ID, BY_ID),
    MSAL_reads_by_id_what_we_stored_by_domain=lambda: they_read(BY_DOMAIN, BY_ID),
    MSAL_reads_by_domain_what_we_stored=lambda: they_read(BY_DOMAIN, BY_DOMAIN),
    MSAL_reads_by_domain_what_we_stored_by_id=lambda: they_read(BY_ID, BY_DOMAIN),
    MSAL_reads_a_file_of_the_default_folder=default_folder,
    both_write_in_turns=in_turns,
    both_write_at_once=lambda: at_once("with"),
    both_write_at_once_MSAL_without_portalocker=lambda: at_once("without"),
    what_MSAL_wrote_survives=survival,
    cache_list_shows_no_secret=listed,
    cache_remove_signs_out=signed_out,
    service_principal_of_the_Azure_CLI=azure_cli,
    sign_in_of_the_Azure_CLI=az_login,
)
