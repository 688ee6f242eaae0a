"""Runs every command of the README as a user would paste it, led to the local tenant; each in a home folder of its own."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import msal

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTRA_TOKEN = pathlib.Path(os.environ["ENTRA_TOKEN"]).resolve()
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
PASSWORD = "local~adele.Q8fuWz4vKp"

# What these recipes leave behind or print, beside a status of success.
EXPECTED = {
    "-K - https://graph": lambda ran, folder: json.loads(ran.stdout)["value"],
    "-H @- https://graph": lambda ran, folder: json.loads(ran.stdout)["value"],
    "clusters/list": lambda ran, folder: "clusters" in json.loads(ran.stdout),
    "--out-file token.json": lambda ran, folder: json.loads((folder / "token.json").read_text())["access_token"],
    "-o az": lambda ran, folder: json.loads(ran.stdout)["accessToken"],
    "-o exec-credential": lambda ran, folder: json.loads(ran.stdout)["status"]["token"],
    "-vv -o none": lambda ran, folder: ran.stdout == "" and "client_secret=***" in ran.stderr,
    "entra-token cache list\nentra-token cache remove --username": lambda ran, folder: "AdeleV@" in ran.stdout and "eyJ" not in ran.stdout,
    "entra-token cache list": lambda ran, folder: "6cce9505-8214-40ba-b75a-b49e21fbb586" in ran.stdout and "eyJ" not in ran.stdout,
    "--resource databricks -o json": lambda ran, folder: json.loads(ran.stdout)["refresh_token"],
    "tenant-id contoso.onmicrosoft.com --resource databricks -o json": lambda ran, folder: json.loads(ran.stdout)["refresh_token"],
    "refresh-token.txt -o json\n": lambda ran, folder: json.loads(ran.stdout)["refresh_token"],
    "explain AADSTS50126": lambda ran, folder: "password" in ran.stdout and "fix:" in ran.stdout,
    "explain - -o json": lambda ran, folder: json.loads(ran.stdout)[0]["code"] == "AADSTS65001",
    "cargo install": lambda ran, folder: (folder / "bin" / "entra-token").is_file(),
}
TOKEN = re.compile(r"^eyJ[\w-]+\.[\w-]+\.[\w-]+$", re.M)


def blocks(kind):
    """The fenced blocks of a kind, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)


def sandbox(secret):
    """A folder with what the recipes speak of."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="readme-"))
    shutil.copy(ROOT / "parameters.example.json", folder / "parameters.json")
    (folder / "secret.txt").write_text(secret + "\n")
    (folder / "password.txt").write_text(PASSWORD + "\n")
    (folder / "refresh-token.txt").write_text(os.environ["LOCAL_TENANT_REFRESH_TOKEN"])
    (folder / ".azure").mkdir()
    (folder / ".azure" / "msal_token_cache.json").write_text(az_login())
    return folder


@functools.cache
def az_login():
    """What the Azure CLI keeps of a sign-in: its cache is MSAL's."""
    cache = msal.SerializableTokenCache()
    app = msal.PublicClientApplication(AZURE_CLI, authority="https://login.microsoftonline.com/organizations", token_cache=cache)
    found = app.acquire_token_by_refresh_token(os.environ["LOCAL_TENANT_REFRESH_TOKEN"], ["User.Read"])
    assert "access_token" in found, found
    return cache.serialize()


def homes(folder):
    """What is kept for a user is kept in the sandbox; Rust is where it was."""
    home = pathlib.Path.home()
    rust = {name: os.environ.get(name) or str(home / default) for name, default in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"))}
    return {**rust, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}


def pasted(command, secret, where, environment):
    """Runs a command in bash, with the secret to be typed."""
    bash = ["bash", "-euo", "pipefail", "-c", command]
    return subprocess.run(bash, cwd=where, env=environment, input=secret + "\n", capture_output=True, text=True, timeout=900)


def pasted_back(command, where, environment):
    """The same for a command that asks for the address at which a browser elsewhere ends."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = subprocess.Popen(["bash", "-euo", "pipefail", "-c", command], cwd=where, env=environment, text=True, **pipes)
    address = next(line.strip() for line in running.stderr if line.startswith("https://"))
    ended = subprocess.run([environment["BROWSER"], address], env=environment, capture_output=True, text=True, timeout=60)
    stdout, stderr = running.communicate(ended.stdout, timeout=60)
    return subprocess.CompletedProcess(command, running.returncode, stdout, stderr)


def run(command, secret, variables):
    """Pastes a command into bash, and checks what came of it."""
    folder = sandbox(secret)
    inside = command.startswith("cargo ")
    if "DATABRICKS_TOKEN" in command:
        command += 'bash -c \'printf "%s\\n" "$DATABRICKS_TOKEN"\'\n'
    environment = {**os.environ, **variables, **homes(folder), "MY_PASSWORD": PASSWORD, "PATH": f"{folder}/path:{os.environ['PATH']}"}
    environment.pop("ENTRA_TOKEN_CACHE", None)
    if not inside:
        (folder / "path").mkdir()
        (folder / "path" / "entra-token").symlink_to(ENTRA_TOKEN)
    if command.startswith("cargo install"):
        environment["CARGO_INSTALL_ROOT"] = str(folder)
    where = ROOT if inside else folder
    ran = pasted_back(command, where, environment) if "--manual" in command else pasted(command, secret, where, environment)
    check = next((check for part, check in EXPECTED.items() if part in command), lambda ran, _: TOKEN.search(ran.stdout))
    try:
        good = ran.returncode == 0 and bool(check(ran, folder))
    except (ValueError, KeyError, OSError):
        good = False
    shutil.rmtree(folder)
    print("ok  " if good else "FAIL", next(line for line in command.splitlines() if "entra-token" in line or "cargo" in line).strip()[:120])
    if not good:
        print(ran.returncode, ran.stdout[-2000:], ran.stderr[-2000:], sep="\n")
    return good


def main():
    secret = os.environ["AZURE_CLIENT_SECRET"]
    parameters = json.loads((ROOT / "parameters.example.json").read_text())
    tenant = parameters["authority"].rsplit("/", 1)[1]
    pipeline = {"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": parameters["client_id"]}
    commands = [(block, {}) for block in blocks("sh") if not block.startswith("cargo test")]
    for block in blocks("yaml"):
        commands += [(line, pipeline) for line in re.findall(r"^\s*(?:- )?(?:run|bash): (.*)$", block, re.M)]
    for block in blocks("json"):
        text = json.dumps({**parameters, **json.loads(block)}).replace("'", "'\\''")
        commands.append((f"printf '%s' '{text}' > p.json; MY_SECRET=$(cat secret.txt) entra-token client-creds p.json", {}))
    assert len(commands) > 20, "the README has recipes"
    sys.exit(not all([run(command, secret, variables) for command, variables in commands]))


main()
