//! `# scaf: allow RULE` on a line takes that rule's findings from it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::Finding;
use super::rules::{RULES, UNKNOWN_WAIVER};

const MARK: &str = "scaf: allow ";

/// What a file waives: line and rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waivers(Vec<(u32, String)>);

impl Waivers {
    /// Reads the comments. Most files have none, which costs one search.
    pub fn read(text: &str) -> Self {
        static MARKS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK));
        if MARKS.find(text.as_bytes()).is_none() {
            return Self::default();
        }
        let mut waivers = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let Some((before, rules)) = line.split_once(MARK) else { continue };
            if !before.trim_end().ends_with('#') {
                continue;
            }
            // A reason may follow: `allow RULE, RULE: because`.
            let rules = rules.split_once(':').map_or(rules, |(rules, _)| rules);
            for rule in rules.split(',') {
                if let Some(rule) = rule.split_whitespace().next() {
                    waivers.push((number, rule.to_owned()));
                }
            }
        }
        Self(waivers)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn allows(&self, finding: &Finding) -> bool {
        self.0.iter().any(|(line, rule)| *line == finding.line && rule == finding.rule)
    }

    /// What is left of a file's findings, with the waivers that mean nothing added.
    pub fn apply(&self, file: &str, findings: &mut Vec<Finding>) {
        findings.retain(|finding| !self.allows(finding));
        for (line, rule) in &self.0 {
            if RULES.iter().any(|known| known.name == rule) {
                continue;
            }
            let near = RULES
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known.name, rule), known.name))
                .min()
                .filter(|(distance, _)| *distance <= 4);
            let hint = near.map_or_else(
                || "`scaf help check` lists the rules".to_owned(),
                |(_, near)| format!("did you mean `{near}`?"),
            );
            findings.push(Finding::new(
                &UNKNOWN_WAIVER,
                file,
                (*line, 1),
                format!("`{rule}` is no rule"),
                hint,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::check::rules::{PLACEHOLDER, SYNTAX};

    #[test]
    fn a_waiver_holds_for_its_line_and_rule() {
        let text = "a\nb  # scaf: allow placeholder, syntax: a word why\nc = 'scaf: allow syntax'\n# scaf: allow nosuch\n";
        let waivers = Waivers::read(text);
        let mut findings: Vec<Finding> = [(&PLACEHOLDER, 2), (&SYNTAX, 2), (&SYNTAX, 3), (&PLACEHOLDER, 1)]
            .map(|(rule, line)| Finding::new(rule, "f", (line, 1), "", ""))
            .into();
        waivers.apply("f", &mut findings);
        let left: Vec<(u32, &str)> = findings.iter().map(|it| (it.line, it.rule)).collect();
        assert_eq!(left, [(3, "syntax"), (1, "placeholder"), (4, "unknown-waiver")]);
    }
}
