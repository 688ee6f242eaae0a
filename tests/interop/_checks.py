"""A line for each check, and what the checks need to run our program."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

PARAMETERS = str(pathlib.Path(__file__).resolve().parents[2] / "parameters.example.json")
TENANT = "contoso.onmicrosoft.com"
CLIENT = "6cce9505-8214-40ba-b75a-b49e21fbb586"
SCOPE = "https://graph.microsoft.com/.default"
USERS = "https://graph.microsoft.com/v1.0/users"

# What is checked is a token that has just been got, and nobody's own cache is touched; a check of the cache says where it is.
os.environ["ENTRA_TOKEN_CACHE"] = "none"


def entra_token(*arguments):
    """What `entra-token client-creds` with the example's parameters prints."""
    command = [os.environ["ENTRA_TOKEN"], "client-creds", PARAMETERS, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout


@contextlib.contextmanager
def home():
    """A folder for a cache, which is the home too of whoever uses it there."""
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        yield pathlib.Path(folder)


def at_home(folder):
    """An environment in which that folder is the home, and no app's secret is."""
    kept = {name: value for name, value in os.environ.items() if name not in ("ENTRA_TOKEN_CACHE", "AZURE_CLIENT_SECRET")}
    return {**kept, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}


def expect(condition, otherwise):
    if not condition:
        raise AssertionError(otherwise)


def run(**checks):
    """Runs each, which raises or returns what is to be shown, and ends the program."""
    failures = 0
    for name, action in checks.items():
        name = name.replace("_", " ")
        try:
            print(f"ok      {name}: {action()}", flush=True)
        except Exception as error:  # whatever it is, the other checks are still worth running
            failures += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failures else 0)
