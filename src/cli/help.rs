//! What `--help` says beside the options.

pub(super) const CACHE_HELP: &str =
    "Where tokens are kept: a file that MSAL can share, or none (else ENTRA_TOKEN_CACHE, else a folder of yours)";

pub(super) const OUTPUT_HELP: &str = "\
Form of the result:
  token            the access token
  json             one object with all tokens, lifetime, scope, app and account
  header           Authorization: Bearer TOKEN, for curl -H @-
  curl             header = \"Authorization: Bearer TOKEN\", for curl -K -
  env              export ACCESS_TOKEN='TOKEN', for eval in a shell
  az               the object that az account get-access-token prints
  exec-credential  a kubectl ExecCredential
  none             nothing
";

/// Lines of less than 80 columns: a line that is wrapped cannot be pasted.
pub(super) const EXAMPLES: &str = "\
Examples:
  entra-token client-creds parameters.json
  entra-token client-creds --resource graph          (the app from AZURE_*)
  entra-token client-creds p.json --resource databricks -o json --out-file t.json
  entra-token client-creds p.json -o curl | curl -K - https://api.example/v1
";

pub(super) const AUTH_CODE_EXAMPLES: &str = "\
Examples:
  entra-token auth-code parameters.json
  entra-token auth-code --client-id ID --resource databricks -o json
  entra-token auth-code parameters.json --silent     (never opens a browser)
  entra-token auth-code parameters.json --manual     (no browser on this machine)
";

pub(super) const DEVICE_CODE_EXAMPLES: &str = "\
Examples:
  entra-token device-code parameters.json
  entra-token device-code --client-id ID --resource graph -o json
";

pub(super) const REFRESH_EXAMPLES: &str = "\
Examples:
  entra-token refresh parameters.json -o json --out-file tokens.json
  entra-token refresh --client-id 04b07795-8ddb-461a-bbee-02f9e1bf7b46 \\
    --cache ~/.azure/msal_token_cache.json --resource databricks
                                              (who is signed in by az login)
";

pub(super) const USERNAME_PASSWORD_EXAMPLES: &str = "\
Discouraged: a password passes no second factor, and whoever reads it can use it.
People sign in better with auth-code or device-code, automation with client-creds.

Examples:
  entra-token username-password parameters.json
  entra-token username-password --client-id ID --tenant-id TENANT \\
    --resource databricks --username NAME --password-file FILE -o json
  entra-token username-password --client-id ID --tenant-id TENANT \\
    --resource graph --username NAME       (the password is asked for)
";

pub(super) const EXPLAIN_EXAMPLES: &str = "\
Examples:
  entra-token explain AADSTS50126
  entra-token explain \"AADSTS65001: The user or administrator has not ...\"
  entra-token explain -o json < error.json
  journalctl -u my-app | entra-token explain -
";
