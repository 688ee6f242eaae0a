"""A person's tokens for their name and password: where Entra checks the password, and where a federation does."""

import os
import subprocess
import sys

from _measure import PYTHON, SCOPE, TENANT, authorities, budget, medians, table, tenant, until_good
from _sign_in import DESKTOP, Log, at_home, command

# Whose they are, the requests that their tokens take, and the processor time that those may take, in milliseconds.
PEOPLE = {
    "managed": ("AdeleV@contoso.onmicrosoft.com", "local~adele.Q8fuWz4vKp", 2, 15),
    "federated": ("NestorW@sso.contoso.com", "local~nesto.R8vbHq2kTz", 4, 20),
}
RUNS = 10

# MSAL leaves the port out where it asks who checks a password.
MSAL = """
import msal, pathlib, requests, sys, warnings
class WithPort(requests.Session):
    def request(self, method, url, **options):
        return super().request(method, url.replace("https://localhost/", sys.argv[1].rsplit("/", 1)[0] + "/"), **options)
warnings.simplefilter("ignore")
app = msal.PublicClientApplication(sys.argv[2], authority=sys.argv[1], instance_discovery=False, http_client=WithPort())
result = app.acquire_token_by_username_password(sys.argv[4], pathlib.Path(sys.argv[5]).read_text(), [sys.argv[3]])
sys.exit(None if "access_token" in result else f"no token: {result}")
"""


def passwords(folder):
    folder = folder / "passwords"
    folder.mkdir()
    log = Log(folder / "requests.log")
    with tenant("--log", str(log.file)) as environment:
        os.environ.update(environment)
        for whose in PEOPLE:
            fresh(whose, folder, log)


def fresh(whose, folder, log):
    """Tokens that are got anew each time, beside MSAL Python's."""
    name, password, most_requests, milliseconds = PEOPLE[whose]
    file = folder / whose
    file.write_text(password)
    trust = authorities(folder)
    environment = at_home(folder / "home", SSL_CERT_FILE=trust, REQUESTS_CA_BUNDLE=trust, ENTRA_TOKEN_CACHE="none")
    ours = (command("-q", "--username", name, "--password-file", str(file), name="username-password"), environment)
    requests = count(ours, log)
    budget(f"requests for the tokens of a {whose} account", requests, most_requests)

    def measured(*cases):
        times = until_good(lambda: medians([ours, *cases], RUNS), lambda results: results[0][0] <= milliseconds)
        budget(f"milliseconds of processor time for the tokens of a {whose} account", times[0][0], milliseconds)
        return times

    head = f"a {whose} account's name and password, the system's authorities, median"
    limited = f"processor time (at most {milliseconds} ms)"
    if not PYTHON.exists():
        ((cpu, wall),) = measured()
        table((head, "entra-token"), (limited, f"{cpu:.1f} ms"), ("elapsed time", f"{wall:.1f} ms"), ("HTTP requests", requests))
        return
    authority = f"{os.environ['LOCAL_TENANT_ORIGIN']}/{TENANT}"
    msal = ([str(PYTHON), "-c", MSAL, authority, DESKTOP, SCOPE, name, str(file)], environment)
    msal_requests = count(msal, log)
    (cpu, wall), (msal_cpu, msal_wall) = measured(msal)
    table(
        (head, "entra-token", "MSAL Python", "ratio"),
        (limited, f"{cpu:.1f} ms", f"{msal_cpu:.0f} ms", f"{cpu / msal_cpu:.3f}"),
        ("elapsed time", f"{wall:.1f} ms", f"{msal_wall:.0f} ms", f"{wall / msal_wall:.3f}"),
        ("HTTP requests", requests, msal_requests, f"{requests / msal_requests:.2f}"),
    )


def count(case, log):
    """The requests of a command, one of which is for tokens."""
    log.clear()
    arguments, environment = case
    subprocess.run(arguments, env=environment, stdout=subprocess.DEVNULL, check=True)
    if log.token_requests() != 1:
        sys.exit(f"a sign-in without its token request: {log.lines()}")
    return len(log.lines())
