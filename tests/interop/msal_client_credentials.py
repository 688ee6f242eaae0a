"""MSAL Python, unmodified, against the local tenant: what Microsoft's own library accepts, a client may rely on.

Run it in an environment that has msal (it brings requests):

    cargo run --example local_tenant -- python tests/interop/msal_client_credentials.py

The environment leads every host name to the tenant (HTTPS_PROXY) and makes its certificates trusted
(REQUESTS_CA_BUNDLE). A line is printed for each check; the exit status is 1 if any fails.
"""

import json
import os
import sys

import msal
import requests

TENANT_ID = "0587a79d-1516-432b-a35d-2869f97b9033"
DOMAIN = "contoso.onmicrosoft.com"
DAEMON = "6cce9505-8214-40ba-b75a-b49e21fbb586"
UNPRIVILEGED = "fad69953-e8e0-4113-8097-c07974554be4"
UNPRIVILEGED_SECRET = "local~unpriv.L1spNxnyVmihA.2O76UMFxFkM.R"
API = "api://ce4f2c9b-faff-47d7-b531-215741d25e35/.default"
GRAPH = "https://graph.microsoft.com/.default"
USERS = "https://graph.microsoft.com/v1.0/users"

failures = 0


def check(name, action):
    """Runs a check, which raises or returns what is to be shown."""
    global failures
    try:
        print(f"ok      {name}: {action()}")
    except Exception as error:  # whatever it is, the other checks are still worth running
        failures += 1
        print(f"FAILED  {name}: {type(error).__name__}: {error}")


def expect(condition, otherwise):
    if not condition:
        raise AssertionError(otherwise)


def app(secret=None, client_id=DAEMON, **options):
    secret = secret or os.environ["AZURE_CLIENT_SECRET"]
    return msal.ConfidentialClientApplication(client_id, client_credential=secret, **options)


def token(scope, **options):
    result = app(**options).acquire_token_for_client([scope])
    expect("access_token" in result, result)
    return result["access_token"]


def claims(text):
    payload = text.split(".")[1]
    return json.loads(msal.oauth2cli.oidc.decode_part(payload))


def issued(scope, expected, **options):
    issuer = claims(token(scope, **options))["iss"]
    expect(issuer == expected, issuer)
    return issuer


def graph(**options):
    headers = {"Authorization": "Bearer " + token(GRAPH, **options)}
    return requests.get(USERS, headers=headers, timeout=30)


def users():
    answer = graph(authority=f"https://login.microsoftonline.com/{DOMAIN}")
    expect(answer.status_code == 200, answer.text)
    return f"{len(answer.json()['value'])} users"


def forbidden():
    answer = graph(
        client_id=UNPRIVILEGED, secret=UNPRIVILEGED_SECRET, authority=f"https://login.microsoftonline.com/{DOMAIN}"
    )
    expect(answer.status_code == 403, answer.text)
    return answer.json()["error"]["code"]


def refused(code, scope=GRAPH, **options):
    options.setdefault("authority", f"https://login.microsoftonline.com/{DOMAIN}")
    result = app(**options).acquire_token_for_client([scope])
    expect(result.get("error_codes") == [code], result)
    return result["error"]


def cached():
    client = app(authority=f"https://login.microsoftonline.com/{DOMAIN}")
    first = client.acquire_token_for_client([GRAPH])
    second = client.acquire_token_for_client([GRAPH])
    expect(second.get("token_source") == "cache", second)
    expect(first["access_token"] == second["access_token"], "another token")
    return second["token_source"]


def unbelieved(error, **options):
    """The authority is refused by MSAL itself."""
    try:
        app(**options)
    except ValueError as refusal:
        expect(error in str(refusal), refusal)
        return error
    raise AssertionError("was accepted")


def main():
    origin = os.environ["LOCAL_TENANT_ORIGIN"]
    v2 = f"{TENANT_ID}/v2.0"
    check("Graph by its real name", users)
    check("Graph without a permission", forbidden)
    check("cache", cached)
    check("alias host", lambda: issued(
        API, f"https://sts.windows.net/{v2}", authority=f"https://sts.windows.net/{DOMAIN}"))
    check("unknown host, instance discovery", lambda: unbelieved(
        "invalid_instance", authority="https://login.contoso.example/contoso.com"))
    check("unknown tenant", lambda: unbelieved(
        "Unable to get authority configuration", authority="https://login.microsoftonline.com/nobody.example"))
    for host in ("login.microsoftonline.us", "login.partner.microsoftonline.cn"):
        check(f"cloud {host}", lambda host=host: issued(API, f"https://{host}/{v2}", authority=f"https://{host}/{DOMAIN}"))
    check("this machine by id", lambda: issued(
        API, f"{origin}/{v2}", authority=f"{origin}/{TENANT_ID}", instance_discovery=False))
    check("other make, this machine", lambda: issued("anything", f"{origin}/oidc", oidc_authority=f"{origin}/oidc"))
    check("other make, own domain", lambda: issued(
        "anything", "https://login.contoso.example/oidc", oidc_authority="https://login.contoso.example/oidc"))
    check("AD FS", lambda: issued(
        API, "http://adfs.contoso.com/adfs/services/trust", authority="https://adfs.contoso.com/adfs"))
    ciam = f"https://{TENANT_ID}.ciamlogin.com/{v2}"
    check("customers' tenant", lambda: issued(API, ciam, authority="https://contoso.ciamlogin.com"))
    check("customers' tenant by id", lambda: issued(API, ciam, authority=f"https://contoso.ciamlogin.com/{TENANT_ID}"))
    b2c = f"https://contoso.b2clogin.com/{v2}/"
    check("B2C", lambda: issued(API, b2c, authority=f"https://contoso.b2clogin.com/{DOMAIN}/B2C_1_in"))
    check("B2C, policy in the query", lambda: issued(
        API, b2c, authority=f"https://contoso.b2clogin.com/{DOMAIN}?p=B2C_1_in"))
    check("wrong secret", lambda: refused(7000215, secret="wrong"))
    check("wrong scope", lambda: refused(1002012, scope="https://graph.microsoft.com/User.Read"))
    check("unknown resource", lambda: refused(500011, scope="https://nobody.example/.default"))
    print("all is well" if failures == 0 else f"{failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
