//! The README, held against the program. Its commands are run with the programs they name in `tests/interop/readme.py`.

use local_tenant::contoso;

use crate::sandbox::Sandbox;

const README: &str = include_str!("../../README.md");

#[test]
fn each_option_of_the_help_is_one_that_the_readme_can_name_and_the_other_way_round() {
    let single = ["client-creds", "auth-code", "device-code", "username-password", "refresh", "explain"].map(|command| vec![command]);
    let commands = single.into_iter().chain([vec!["cache", "list"], vec!["cache", "remove"]]);
    let help = |command: Vec<&str>| Sandbox::new().run(command.iter().chain(&["--help"])).stdout;
    let help: String = commands.map(help).collect();
    let ours = README.lines().filter(|line| line.contains("entra-token ") || line.starts_with("| ") || line.starts_with("  --"));
    let options = ours.flat_map(|line| line.split(|character: char| !character.is_ascii_lowercase() && character != '-'));
    // curl's and cargo's own stand in the same lines.
    let foreign = ["--fail-with-body", "--", "---"];
    for option in options.filter(|option| option.starts_with("--") && !foreign.contains(option)) {
        assert!(help.contains(option), "the README names {option}, which the program does not have");
    }
}

#[test]
fn the_table_of_settings_names_what_the_parameters_file_takes() {
    let section = README.split("## Settings").nth(1).unwrap().split("## Errors").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `") && line.split('|').count() == 5).collect();
    assert!(rows.len() >= 9);
    let sandbox = Sandbox::new();
    for row in rows {
        let first = row.split('|').nth(1).unwrap().split(':').next().unwrap();
        for key in first.split('`').skip(1).step_by(2) {
            sandbox.write("p.json", format!("{{\"{key}\": true}}"));
            sandbox.run(["client-creds", "p.json"]).refused(2).says(&format!("p.json line 1: \"{key}\" is true or false, and must be"));
        }
    }
}

#[test]
fn the_examples_values_are_those_of_the_local_tenant() {
    for text in [README, include_str!("../../parameters.example.json")] {
        assert!(text.contains(contoso::DAEMON.client_id) && text.contains(contoso::TENANT_DOMAIN));
        assert!(!text.contains(contoso::DAEMON.secret), "secrets have no place in documents, not even these");
    }
    assert!(README.contains(contoso::DATABRICKS_HOST));
}
