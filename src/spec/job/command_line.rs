//! A job's command as words: Azure hands it to a shell whole.

/// Bash where there is one, as in Azure's own images, else the plain shell.
const SHELL: &str = "command -v bash >/dev/null 2>&1 && exec bash -c \"$0\"; exec sh -c \"$0\"";

pub fn argv(command: &str) -> Vec<String> {
    ["sh", "-c", SHELL, command].map(str::to_owned).to_vec()
}
