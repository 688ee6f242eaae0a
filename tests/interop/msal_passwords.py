"""MSAL Python and its extensions, unmodified, beside us with the names and passwords of people: managed ones, federated ones of
every kind, and at Azure AD B2C, External ID and AD FS. Both get tokens that say the same, both are refused for the same, and who
was signed in by the one is signed in by the other.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/msal_passwords.py
"""

import base64
import json
import os
import subprocess
import typing
import warnings

import msal
import requests
from _checks import TENANT, at_home, expect, home, run
from msal_extensions import FilePersistence, PersistedTokenCache

LOGIN = "https://login.microsoftonline.com"
BY_ID, BY_DOMAIN, BY_NOBODY = f"{LOGIN}/0587a79d-1516-432b-a35d-2869f97b9033", f"{LOGIN}/{TENANT}", f"{LOGIN}/organizations"
AD_FS = "https://adfs.contoso.com/adfs"
B2C = f"https://contoso.b2clogin.com/{TENANT}/B2C_1_ROPC"
CIAM = f"https://contoso.ciamlogin.com/{TENANT}"
DESKTOP = "cd9e0245-eed7-4fa7-98d1-d89daf959234"
SCOPE = "User.Read"
ARM = "https://management.core.windows.net//.default"
ORDERS = "api://ce4f2c9b-faff-47d7-b531-215741d25e35/.default"

# What a token has of its own: when it was issued, and its name.
OWN = {"aio", "exp", "iat", "jti", "nbf", "uti"}

# Nobody has to be told here that names and passwords are on their way out.
warnings.simplefilter("ignore", DeprecationWarning)


class Person(typing.NamedTuple):
    name: str
    password: str


ADELE = Person("AdeleV@contoso.onmicrosoft.com", "local~adele.Q8fuWz4vKp")
NESTOR = Person("NestorW@sso.contoso.com", "local~nesto.R8vbHq2kTz")
FEDERATED = {
    "of both versions": NESTOR,
    "with characters to escape": Person("o'neil+test@sso.contoso.com", "local~]]>&<a>\"' ü&amp;%41+"),
    "of 1.3 only": Person("ChristieC@trust13.contoso.com", "local~chris.M8fjRg4cHs"),
    "of 2005 only": Person("CameronW@feb2005.contoso.com", "local~camer.T3xpVk6nZb"),
    "by an address of 2005": Person("GerhartM@active2005.contoso.com", "local~gerha.C4ngKw8rFt"),
    "by an address of 1.3": Person("HollyD@active13.contoso.com", "local~holly.V2bxQh5yJz"),
    "with SAML 2.0": Person("KarinM@saml2.contoso.com", "local~karin.H8rfXv6nLq"),
    "with another audience": Person("MarioR@audience.contoso.com", "local~mario.P3wcNs7xYh"),
}
# MSAL reads neither a document that is inside of another nor one with bindings that are not of SOAP 1.2.
BEYOND_MSAL = {
    "with a wrapped document": (Person("DelphineR@thirdparty.contoso.com", "local~delph.Y6qkBt2wXn"), ValueError),
    "with an odd document": (Person("EnricoC@odd.contoso.com", "local~enric.Z9vsLd7mPj"), AttributeError),
}
# Whom Entra refuses, whoever checks the password.
REFUSED = {
    "wrong": ADELE._replace(password="wrong"),
    "of nobody": Person("Nobody@contoso.onmicrosoft.com", "x"),
    "expired": Person("DebraB@contoso.onmicrosoft.com", "local~debra.N6rwKc3mZt"),
    "of a locked account": Person("EmilyB@contoso.onmicrosoft.com", "local~emily.V9xhPd2sLq"),
    "of a disabled account": Person("FaithA@contoso.onmicrosoft.com", "local~faith.J4ktRg8bWn"),
    "without a second factor": Person("GradyA@contoso.onmicrosoft.com", "local~grady.L5cnVd7jEw"),
    "without a second factor that is set up": Person("HenriettaM@contoso.onmicrosoft.com", "local~henri.C7yvMs5qXd"),
    "of a blocked sign-in": Person("IrvinS@contoso.onmicrosoft.com", "local~irvin.B2znTf6wHk"),
    "federated, of a blocked sign-in": Person("AlexD@sso.contoso.com", "local~alexd.G7rzNm3vKt"),
    "federated, without a second factor": Person("BiancaP@sso.contoso.com", "local~bianc.L5wdQs9hYf"),
}
# Whom the federation refuses.
FAULTS = {
    "wrong": (NESTOR._replace(password="wrong"), "ID3242"),
    "expired": (Person("PattiF@sso.contoso.com", "local~patti.W4jnCs7gLx"), "MSIS3125"),
    "not permitted": (Person("RaulR@sso.contoso.com", "local~raulr.X2hyPw8qJc"), "MSIS7068"),
}


class Counting(requests.Session):
    """Counts what is asked."""

    posts = 0

    def request(self, method, url, **options):
        self.posts += method == "POST"
        return super().request(method, url, **options)


def application(authority=BY_ID, cache=None):
    """MSAL, started anew, and the requests that it makes."""
    session = Counting()
    return msal.PublicClientApplication(DESKTOP, authority=authority, token_cache=cache, http_client=session), session


def answer(person, authority=BY_ID, scope=SCOPE, cache=None):
    """What MSAL answers to that name and password."""
    app, _ = application(authority, cache)
    return app.acquire_token_by_username_password(person.name, person.password, [scope])


def theirs(person, **options):
    """MSAL's token for them."""
    found = answer(person, **options)
    expect(found.get("token_source") == "identity_provider", found)
    return found["access_token"]


def program(person, *arguments, authority=BY_ID, scope=SCOPE, file=None, offline=False):
    """Our program, told their name, and their password if they give one."""
    asked = ["--authority", authority, "--client-id", DESKTOP, "--scope", scope, "--username", person.name, "-q", *arguments]
    asked += ["--cache", str(file)] if file else []
    asked += ["--password-file", "-"] if "--silent" not in arguments else []
    environment = at_home(file.parent) if file else dict(os.environ)
    if offline:
        environment |= {name: "http://127.0.0.1:9" for name in ("HTTPS_PROXY", "https_proxy")}
    command = [os.environ["ENTRA_TOKEN"], "username-password", *asked]
    return subprocess.run(command, env=environment, input=person.password, capture_output=True, text=True, timeout=60)


def ours(person, *arguments, **options):
    """Our token for them, and where it was from."""
    done = program(person, *arguments, "-o", "json", **options)
    expect(done.returncode == 0 and not done.stderr, f"ended with {done.returncode} and said: {done.stderr}")
    found = json.loads(done.stdout)
    expect(found["account"]["username"] == person.name, found["account"])
    return found["access_token"], found["source"]


def refusal(person):
    """What our program says when they are refused."""
    done = program(person, "--error-format", "json")
    expect(done.returncode in (3, 4) and done.stdout == "", f"ended with {done.returncode} and said: {done.stderr}")
    return json.loads(done.stderr)


def claims(token):
    """What a token says, but for what is its own."""
    payload = token.split(".")[1]
    every = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {name: value for name, value in every.items() if name not in OWN}


def says(token, person):
    """The token is one for them."""
    said = claims(token)
    expect(said["upn"] == person.name, said)
    return f"{said.get('oid') or said['sub']} for {said['aud']}"


def alike(person, **options):
    """Both get a token, and the tokens say the same."""
    token, other = ours(person, **options)[0], theirs(person, **options)
    expect(claims(token) == claims(other), f"ours says {claims(token)}, MSAL's {claims(other)}")
    return says(token, person)


def ours_alone(person, failure):
    """MSAL has no token for them, by a limit of its own."""
    try:
        found = answer(person)
    except failure:
        return says(ours(person)[0], person)
    raise AssertionError(f"MSAL can: {found.keys()}")


def refused(person):
    """Both are told the same code, and pass it on."""
    found, said = answer(person), refusal(person)
    expect(found["error_codes"] and found["error_codes"] == said["error_codes"], (found, said))
    expect(found["error"] == said["error"], (found["error"], said["error"]))
    return f"{found['error']} {found['error_codes'][0]}"


def faulted(person, code):
    """Both pass on what the federation says."""
    try:
        found = answer(person)
    except RuntimeError as error:
        found = str(error)
    expect(code in found, found)
    said = refusal(person)
    expect(code in said["message"] and not said["error_codes"], said)
    return code


def opened(file):
    return PersistedTokenCache(FilePersistence(str(file)))


def silently(file, person, scope=SCOPE, authority=BY_ID):
    """MSAL's token without a password, where it was from, and how many requests it took."""
    app, session = application(authority, opened(file))
    accounts = app.get_accounts()
    expect([account["username"] for account in accounts] == [person.name], f"accounts: {accounts}")
    found = app.acquire_token_silent_with_error([scope], accounts[0])
    expect(found and "access_token" in found, found)
    return found["access_token"], found["token_source"], session.posts


def after_ours(person, asked=BY_ID):
    """Who was signed in here is signed in by MSAL, for other resources too."""
    with home() as folder:
        file = folder / "cache.json"
        token, source = ours(person, authority=asked, file=file)
        expect(source == "network", source)
        same = silently(file, person)
        expect(same == (token, "cache", 0), same[1:])
        other = silently(file, person, ARM)
        expect(other[1:] == ("identity_provider", 1), other[1:])
        again = ours(person, "--silent", scope=ARM, file=file, offline=True)
        expect(again == (other[0], "cache"), again[1])
        third = silently(file, person, ORDERS, BY_NOBODY)
        expect(third[1:] == ("identity_provider", 1), third[1:])
        expect(file.stat().st_mode & 0o777 == 0o600, oct(file.stat().st_mode))
        return person.name


def persisted(file, person, authority):
    """MSAL signs them in with the cache of its extensions."""
    return theirs(person, authority=authority, cache=opened(file))


def serialized(file, person, authority):
    """MSAL signs them in with its own cache, which a script writes to a file."""
    cache = msal.SerializableTokenCache()
    token = theirs(person, authority=authority, cache=cache)
    file.write_text(cache.serialize())
    file.chmod(0o600)
    return token


def after_theirs(person, way=persisted, asked=BY_ID):
    """Who was signed in by MSAL is signed in here without a password, for other resources too."""
    with home() as folder:
        file = folder / "cache.json"
        token = way(file, person, asked)
        # Of `organizations` MSAL does not note whose it was, which the refresh token knows.
        same = ours(person, "--silent", authority=asked, file=file, offline=asked != BY_NOBODY)
        expect(same == (token, "cache") or (asked, same[1]) == (BY_NOBODY, "refresh_token"), same[1])
        other = ours(person, "--silent", authority=asked, scope=ARM, file=file)
        expect(other[1] == "refresh_token", other[1])
        # What was got here serves MSAL, and the refresh token that came with it.
        arm = silently(file, person, ARM)
        expect(arm == (other[0], "cache", 0), arm[1:])
        third = silently(file, person, ORDERS)
        expect(third[1:] == ("identity_provider", 1), third[1:])
        return person.name


run(
    managed=lambda: alike(ADELE),
    managed_by_domain=lambda: alike(ADELE, authority=BY_DOMAIN),
    managed_at_organizations=lambda: alike(ADELE, authority=BY_NOBODY),
    **{f"federated_{what}": lambda person=person: alike(person) for what, person in FEDERATED.items()},
    federated_at_organizations=lambda: alike(NESTOR, authority=BY_NOBODY),
    **{f"federated_{what},_which_MSAL_cannot": lambda case=case: ours_alone(*case) for what, case in BEYOND_MSAL.items()},
    AD_FS=lambda: alike(ADELE, authority=AD_FS),
    Azure_AD_B2C=lambda: alike(ADELE, authority=B2C, scope=DESKTOP),
    External_ID=lambda: alike(ADELE, authority=CIAM),
    **{f"password_{what}": lambda person=person: refused(person) for what, person in REFUSED.items()},
    **{f"federated_password_{what}": lambda case=case: faulted(*case) for what, case in FAULTS.items()},
    MSAL_after_us=lambda: after_ours(ADELE),
    MSAL_after_us_by_domain=lambda: after_ours(ADELE, BY_DOMAIN),
    MSAL_after_us_at_organizations=lambda: after_ours(ADELE, BY_NOBODY),
    MSAL_after_us_federated=lambda: after_ours(NESTOR),
    MSAL_after_us_federated_at_organizations=lambda: after_ours(NESTOR, BY_NOBODY),
    we_after_MSAL=lambda: after_theirs(ADELE),
    we_after_MSAL_by_a_script=lambda: after_theirs(ADELE, serialized),
    we_after_MSAL_at_organizations=lambda: after_theirs(ADELE, asked=BY_NOBODY),
    we_after_MSAL_federated=lambda: after_theirs(NESTOR),
    we_after_MSAL_federated_by_a_script=lambda: after_theirs(NESTOR, serialized),
)
