//! The second spelling: `exp=digits script=train.py run-xargs="--gpus all"`, as people type it to make,
//! and `--gpus` with or without a value. Both are turned into plain flags before clap sees them.

use clap::Command;

use super::args::Global;
use crate::spec::gpu::GpuRequest;

/// What is not an option's own long name but is typed so to make.
const ALIASES: [(&str, &str); 2] = [("dep", "path"), ("name", "exp")];

/// Turns `KEY=VALUE` words into `--KEY=VALUE` where the command has such an option, and joins `--gpus`
/// with the next word when that is one of its forms.
pub fn normalise(words: Vec<String>, grammar: &Command) -> Vec<String> {
    let mut out = Vec::with_capacity(words.len());
    let mut words = words.into_iter();
    out.extend(words.next());
    let mut command: Option<&Command> = None;
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            out.push(word);
            out.extend(words);
            return out;
        }
        if word == "--gpus" {
            match words.next_if(|next| GpuRequest::is_form(next) || looks_like_gpus(next)) {
                Some(form) => out.push(format!("--gpus={form}")),
                None => out.push(word),
            }
            continue;
        }
        if word.starts_with('-') {
            let takes = !word.contains('=') && takes_value(&word, command.unwrap_or(grammar), grammar);
            out.push(word);
            if takes {
                out.extend(words.next());
            }
            continue;
        }
        match command {
            None => {
                command = grammar.find_subcommand(&word);
                out.push(word);
            }
            Some(current) => {
                if let Some(inner) = current.find_subcommand(&word) {
                    command = Some(inner);
                    out.push(word);
                } else {
                    out.push(rewritten(&word, current, grammar).unwrap_or(word));
                }
            }
        }
    }
    out
}

/// A `KEY=VALUE` word, after normalising, whose key the command does not have; and the key that is near.
pub fn unknown_key(words: &[String], grammar: &Command) -> Option<(String, Option<String>)> {
    let mut command: Option<&Command> = None;
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        if word == "--" {
            return None;
        }
        if word.starts_with('-') {
            if !word.contains('=') && takes_value(word, command.unwrap_or(grammar), grammar) {
                words.next();
            }
            continue;
        }
        let current = command.unwrap_or(grammar);
        if let Some(inner) = current.find_subcommand(word) {
            command = Some(inner);
            continue;
        }
        let Some((key, _)) = word.split_once('=') else { continue };
        if command.is_none() || !key.starts_with(|c: char| c.is_ascii_lowercase()) || key.contains(['/', '.'])
        {
            continue;
        }
        let near = valued(current, grammar)
            .map(|name| (strsim::damerau_levenshtein(name, key), name))
            .filter(|(distance, _)| *distance <= 2)
            .min();
        return Some((key.to_owned(), near.map(|(_, name)| name.to_owned())));
    }
    None
}

/// `scaf local`, `scaf runs show`: the command that was meant.
pub fn typed(words: &[String], grammar: &Command) -> String {
    let mut path = vec!["scaf"];
    let mut command = grammar;
    for word in words.iter().skip(1) {
        if let Some(inner) = command.find_subcommand(word) {
            command = inner;
            path.push(word);
        }
    }
    path.join(" ")
}

/// The flags that matter before the words are understood.
pub fn early(words: &[String]) -> Global {
    let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    Global { json, ..Global::default() }
}

/// What can be meant as nothing but a form of `--gpus`, so that its reader says what is wrong with it.
fn looks_like_gpus(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) || word.starts_with("free:") || word.starts_with("device=")
}

fn rewritten(word: &str, command: &Command, grammar: &Command) -> Option<String> {
    let (key, value) = word.split_once('=')?;
    let has = |name: &str| valued(command, grammar).any(|known| known == name);
    if has(key) {
        return Some(format!("--{key}={value}"));
    }
    let (_, name) = ALIASES.iter().find(|(alias, name)| *alias == key && has(name))?;
    Some(format!("--{name}={value}"))
}

/// The long names of a command's options that take a value, and of those that hold everywhere.
fn valued<'a>(command: &'a Command, grammar: &'a Command) -> impl Iterator<Item = &'a str> {
    let everywhere = grammar.get_arguments().filter(|argument| argument.is_global_set());
    command
        .get_arguments()
        .chain(everywhere)
        .filter(|argument| argument.get_action().takes_values())
        .filter_map(clap::Arg::get_long)
}

/// Whether the word after this option belongs to it.
fn takes_value(word: &str, command: &Command, grammar: &Command) -> bool {
    let find = |command: &Command| {
        command
            .get_arguments()
            .find(|argument| match word.strip_prefix("--") {
                Some(long) => argument.get_long() == Some(long),
                None => argument.get_short().is_some_and(|short| word == format!("-{short}")),
            })
            .map(|argument| argument.get_action().takes_values() && !argument.is_require_equals_set())
    };
    find(command).or_else(|| find(grammar)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn normal(line: &str) -> String {
        let words = shlex::split(line).unwrap();
        shlex::try_join(normalise(words, &crate::cli::args::Cli::command()).iter().map(String::as_str))
            .unwrap()
    }

    #[test]
    fn the_spelling_of_make() {
        assert_eq!(
            normal("scaf local exp=digits script=train.py run-xargs='--gpus all' script-xargs='--epochs 8'"),
            "scaf local '--exp=digits' '--script=train.py' '--run-xargs=--gpus all' '--script-xargs=--epochs 8'"
        );
        assert_eq!(normal("scaf help cmd=local"), "scaf help '--cmd=local'");
        assert_eq!(normal("scaf local d engine=host"), "scaf local d '--engine=host'");
        // A switch takes no value, so it has no such spelling.
        assert_eq!(normal("scaf local d quiet=yes"), "scaf local d 'quiet=yes'");
    }

    #[test]
    fn values_of_options_and_words_after_the_dashes_stay() {
        assert_eq!(normal("scaf local -e exp=1 d -- exp=2"), "scaf local -e 'exp=1' d -- 'exp=2'");
        assert_eq!(normal("scaf -C exp=x list"), "scaf -C 'exp=x' list");
    }

    #[test]
    fn a_key_that_the_command_does_not_have() {
        let unknown =
            |line: &str| unknown_key(&shlex::split(line).unwrap(), &crate::cli::args::Cli::command());
        assert_eq!(unknown("scaf local epx=digits"), Some(("epx".to_owned(), Some("exp".to_owned()))));
        assert_eq!(unknown("scaf local digits colour=red"), Some(("colour".to_owned(), None)));
        assert_eq!(unknown("scaf local -e a=b digits -- c=d"), None);
        assert_eq!(unknown("scaf init ./a=b"), None);
    }

    #[test]
    fn gpus_take_only_their_forms() {
        assert_eq!(normal("scaf local --gpus digits"), "scaf local --gpus digits");
        assert_eq!(normal("scaf local --gpus free:2 digits"), "scaf local '--gpus=free:2' digits");
        assert_eq!(normal("scaf local --gpus"), "scaf local --gpus");
        assert_eq!(normal("scaf local --gpus 0"), "scaf local '--gpus=0'");
        assert_eq!(normal("scaf local --gpus device= digits"), "scaf local '--gpus=device=' digits");
    }
}
