//! What the language's own functions do: import by name, execute other code, start programs, change where
//! modules are looked for.

use std::sync::LazyLock;

use ruff_python_ast::{Expr, ExprCall, IpyEscapeKind, Operator};
use ruff_text_size::{Ranged, TextSize};

use super::command::{self, Deed};
use super::names::{Names, last_name};
use super::place::places;
use super::text::UNKNOWN;
use super::walk::{Seen, What};
use super::words::Set;
use super::{Base, Executed, Family, Install, Kind, PathAddition, Program, Scan};
use crate::project::python::imports::{Guard, How, Import, is_dotted, is_identifier};
use crate::project::python::places::Places;
use crate::project::python::target::Target;

/// The last names of functions that import by name.
pub(super) static BY_NAME: LazyLock<Set> =
    LazyLock::new(|| Set::new(["import_module", "__import__"].map(str::to_owned)));

/// The last names of all functions that are understood here.
pub(super) static CALLS: LazyLock<Set> = LazyLock::new(|| {
    let names = [
        // imports by name
        "import_module",
        "__import__",
        "importorskip",
        "optional_import",
        "try_import",
        "lazy_import",
        "LazyLoader",
        "get_class",
        "get_method",
        "get_object",
        "locate",
        "resolve_name",
        "import_string",
        "iter_modules",
        "walk_packages",
        // other code
        "exec",
        "eval",
        "run_path",
        "run_module",
        "execfile",
        // programs
        "system",
        "popen",
        "Popen",
        "run",
        "call",
        "check_call",
        "check_output",
        "getoutput",
        "getstatusoutput",
        "create_subprocess_exec",
        "create_subprocess_shell",
        "execv",
        "execvp",
        "execvpe",
        "execl",
        "execlp",
        "spawnl",
        "spawnlp",
        "spawnv",
        "spawnvp",
        "main",
        "run_line_magic",
        "run_cell_magic",
        "magic",
        "getoutput",
        // where modules are looked for
        "append",
        "insert",
        "extend",
        "addsitedir",
        // variables of the environment
        "setdefault",
        "putenv",
        // what `setup.py` builds
        "setup",
        "Extension",
        "CUDAExtension",
        "CppExtension",
        "Pybind11Extension",
        "SYCLExtension",
        "CMakeExtension",
        "RustExtension",
    ];
    Set::new(names.map(str::to_owned))
});

pub(super) static KEYWORDS: LazyLock<Set> = LazyLock::new(|| Set::new(["_target_".to_owned()]));

/// Parts of a text without which none of the above can matter.
pub(super) const SIGNS: [&str; 28] = [
    "import_module",
    "__import__",
    "importorskip",
    "optional_import",
    "try_import",
    "lazy_import",
    "LazyLoader",
    "_target_",
    "exec(",
    "eval(\"",
    "eval('",
    "runpy",
    "execfile",
    "os.system",
    "subprocess",
    "popen",
    "get_ipython",
    "sys.path",
    "addsitedir",
    "iter_modules",
    "walk_packages",
    "resolve_name",
    "os.environ",
    "putenv",
    "Extension(",
    "setuptools",
    "py_modules",
    "package_dir",
];

/// How deep code may hold code as text.
const DEEPEST: u32 = 3;

/// Reads what a walk has seen.
pub(super) struct Reader<'r, 'a> {
    pub(super) names: &'r Names<'a>,
    pub(super) places: Places<'a>,
    pub(super) target: &'r Target,
    pub(super) found: &'r mut Scan,
    /// How deep this code is in other code's texts.
    pub(super) depth: u32,
    /// Variables of the environment that are set.
    pub(super) variables: Vec<Setting>,
    /// Line magics that are not understood here, with their arguments.
    pub(super) magics: Vec<Setting>,
}

/// A name and what it is set to.
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) line: u32,
    pub(crate) guard: Guard,
}

/// Where something stands.
#[derive(Clone)]
pub(super) struct At {
    line: u32,
    column: u32,
    guard: Guard,
    in_function: bool,
}

impl At {
    /// A line of a shell.
    pub(super) fn line(line: u32) -> Self {
        Self { line, column: 1, guard: Guard::None, in_function: false }
    }
}

impl<'r, 'a> Reader<'r, 'a> {
    pub(super) fn new(
        names: &'r Names<'a>,
        source: &'a str,
        target: &'r Target,
        found: &'r mut Scan,
    ) -> Self {
        let places = Places::new(source);
        Self { names, places, target, found, depth: 0, variables: Vec::new(), magics: Vec::new() }
    }
}

impl Reader<'_, '_> {
    pub(super) fn read(&mut self, seen: &Seen<'_>) {
        match seen.what {
            What::Call(call) => self.call(call, seen),
            What::Item { key: "_target_", value } => {
                let at = self.at(value.start(), seen);
                for path in self.names.whole_texts(value).unwrap_or_default() {
                    self.class_path(&path, &at);
                }
            }
            What::Item { .. } | What::Attribute { .. } | What::Name(_) => {}
            What::Assigned { target, value } => self.assigned(target, value, seen),
            What::Escape { kind, value, place } => {
                let at = self.at(place, seen);
                match kind {
                    IpyEscapeKind::Shell | IpyEscapeKind::ShCap => self.line(value, Kind::Cell, &at),
                    IpyEscapeKind::Magic => self.magic(value, &at),
                    _ => {}
                }
            }
        }
    }

    fn at(&mut self, place: TextSize, seen: &Seen<'_>) -> At {
        let (line, column) = self.places.of(place);
        At { line, column, guard: seen.guard.clone(), in_function: seen.in_function }
    }

    fn import(&mut self, module: &str, level: u32, names: Vec<String>, at: &At) {
        self.import_by(How::ByName, module, level, names, at);
    }

    fn import_by(&mut self, how: How, module: &str, level: u32, names: Vec<String>, at: &At) {
        self.found.imports.push(Import {
            module: module.to_owned(),
            level,
            names,
            how,
            line: at.line,
            column: at.column,
            in_function: at.in_function,
            guard: at.guard.clone(),
        });
    }

    /// `a.b.Class`
    fn class_path(&mut self, path: &str, at: &At) {
        if !is_dotted(path) {
            return;
        }
        if let Some((module, name)) = path.rsplit_once('.') {
            self.import_by(How::ByPath, module, 0, vec![name.to_owned()], at);
        }
    }

    fn call(&mut self, call: &ExprCall, seen: &Seen<'_>) {
        let args = &*call.arguments.args;
        let first = call.arguments.find_argument_value("name", 0);
        let mut full = self.names.full(&call.func);
        if full.is_empty() {
            // A method of something unknown.
            full.extend(last_name(&call.func).map(|name| format!("?.{name}")));
        }
        for full in full {
            let last = full.rsplit('.').next().unwrap_or_default();
            match last {
                "import_module" | "__import__" => {
                    if let Some(name) = first {
                        let package = call.arguments.find_argument_value("package", 1);
                        let at = self.at(call.start(), seen);
                        self.by_name(name, package.filter(|_| last == "import_module"), &at);
                    }
                }
                // These take it as it comes when there is no such module.
                "importorskip" | "optional_import" | "try_import" | "lazy_import" => {
                    // With MONAI `name` is what is taken out of the module.
                    let module = args.first().or_else(|| {
                        ["module", "modname", "module_name", "name"]
                            .iter()
                            .find_map(|key| call.arguments.find_keyword(key).map(|keyword| &keyword.value))
                    });
                    let Some(texts) = module.and_then(|name| self.names.whole_texts(name)) else { continue };
                    let mut at = self.at(call.start(), seen);
                    if last != "lazy_import" && at.guard == Guard::None {
                        at.guard = Guard::Tried { attempt: self.attempt() };
                    }
                    for text in texts.iter().filter(|text| is_dotted(text)) {
                        self.import(text, 0, Vec::new(), &at);
                    }
                }
                // `LazyLoader("np", globals(), "numpy")`
                "LazyLoader" => {
                    let module = args.get(2).and_then(|name| self.names.whole_texts(name));
                    let mut at = self.at(call.start(), seen);
                    at.in_function = true;
                    for text in module.iter().flatten().filter(|text| is_dotted(text)) {
                        self.import(text, 0, Vec::new(), &at);
                    }
                }
                "get_class" | "get_method" | "get_object" | "locate" | "resolve_name" | "import_string"
                    if ["hydra.", "pydoc.", "pkgutil.", "django.", "werkzeug."]
                        .iter()
                        .any(|library| full.starts_with(library)) =>
                {
                    let at = self.at(call.start(), seen);
                    for path in args.first().and_then(|it| self.names.whole_texts(it)).unwrap_or_default() {
                        self.class_path(&path.replace(':', "."), &at);
                    }
                }
                "iter_modules" | "walk_packages" => self.all_modules(call, seen),
                "exec" | "eval" if full == last => self.executes(args.first(), seen),
                "execfile" | "run_path" if full == "execfile" || full == "runpy.run_path" => {
                    if let Some(path) = args.first() {
                        self.runs(path, false, seen);
                    }
                }
                "run_module" if full == "runpy.run_module" => {
                    let at = self.at(call.start(), seen);
                    for text in args.first().and_then(|it| self.names.whole_texts(it)).unwrap_or_default() {
                        if is_dotted(&text) {
                            self.import(&text, 0, Vec::new(), &at);
                        }
                    }
                }
                "setdefault" | "putenv" if full == "os.environ.setdefault" || full == "os.putenv" => {
                    if let [name, value, ..] = args {
                        self.sets(name, value, seen);
                    }
                }
                "append" | "insert" | "extend" | "addsitedir" => {
                    let added = match full.as_str() {
                        "sys.path.append" | "sys.path.extend" | "site.addsitedir" => args.first(),
                        "sys.path.insert" => args.get(1),
                        _ => None,
                    };
                    if let Some(added) = added {
                        self.adds_paths(added, seen);
                    }
                }
                "setup" => self.set_up(call),
                _ if last.ends_with("Extension") => self.built_extension(call),
                _ => self.maybe_program(&full, call, seen),
            }
        }
    }

    fn attempt(&mut self) -> u32 {
        self.found.attempts.push(Guard::None);
        u32::try_from(self.found.attempts.len() - 1).unwrap_or(u32::MAX)
    }

    fn by_name(&mut self, name: &Expr, package: Option<&Expr>, at: &At) {
        if let Some(texts) = self.names.whole_texts(name) {
            for text in texts {
                let module = text.trim_start_matches('.');
                let level = text.len() - module.len();
                if !is_dotted(module) {
                    continue;
                }
                let within = package.filter(|_| level > 0).and_then(|it| self.names.whole_texts(it));
                match within.as_deref() {
                    Some([package]) if is_dotted(package) => {
                        let mut parts: Vec<&str> = package.split('.').collect();
                        parts.truncate(parts.len().saturating_sub(level - 1));
                        parts.push(module);
                        self.import(&parts.join("."), 0, Vec::new(), at);
                    }
                    // A relative name is relative to the second argument, which most often is `__package__`.
                    _ => self.import(module, u32::try_from(level).unwrap_or(u32::MAX), Vec::new(), at),
                }
            }
            return;
        }
        for text in self.names.known_texts(name) {
            let known = text.split(UNKNOWN).next().unwrap_or_default();
            let Some((package_of_name, _)) = known.rsplit_once('.') else { continue };
            let relative = known.starts_with('.');
            let within = package.filter(|_| relative).and_then(|it| self.names.whole_texts(it));
            let (package, level) = match within.as_deref() {
                Some([package]) => (package.as_str(), 0),
                _ => (package_of_name.trim_start_matches('.'), u32::from(relative)),
            };
            if package.is_empty() && level == 1 || is_dotted(package) {
                self.found.families.push(Family { package: package.to_owned(), level, line: at.line });
            }
        }
    }

    /// `pkgutil.iter_modules(package.__path__)`
    fn all_modules(&mut self, call: &ExprCall, seen: &Seen<'_>) {
        let path = match call.arguments.find_argument_value("path", 0) {
            Some(Expr::List(list)) => list.elts.first(),
            path => path,
        };
        let line = self.at(call.start(), seen).line;
        match path {
            Some(Expr::Name(name)) if name.id.as_str() == "__path__" => {
                self.found.families.push(Family { package: String::new(), level: 1, line });
            }
            Some(Expr::Attribute(attribute)) if attribute.attr.as_str() == "__path__" => {
                for package in self.names.full(&attribute.value) {
                    self.found.families.push(Family { package, level: 0, line });
                }
            }
            _ => {}
        }
    }

    /// `exec(text)`: code written out, or that of a file.
    fn executes(&mut self, what: Option<&Expr>, seen: &Seen<'_>) {
        let Some(what) = what else { return };
        if let Some(texts) = self.names.whole_texts(what) {
            let at = self.at(what.start(), seen);
            for text in texts {
                self.code(&text, &at);
            }
            return;
        }
        if let Some(path) = Self::read_from(what, 4) {
            self.runs(path, false, seen);
        }
    }

    /// Of `open("x.py").read()`, `Path("x.py").read_text()` and the same compiled, the path.
    fn read_from(expr: &Expr, steps: u32) -> Option<&Expr> {
        let steps = steps.checked_sub(1)?;
        let Expr::Call(call) = expr else { return None };
        let first = || call.arguments.args.first();
        match &*call.func {
            Expr::Name(name) if name.id.as_str() == "compile" => Self::read_from(first()?, steps),
            Expr::Name(name) if name.id.as_str() == "open" => first(),
            Expr::Attribute(attribute) => match attribute.attr.as_str() {
                "read" | "decode" => Self::read_from(&attribute.value, steps),
                "read_text" | "read_bytes" => Some(&attribute.value),
                "open" => first(),
                _ => None,
            },
            _ => None,
        }
    }

    fn runs(&mut self, path: &Expr, own_process: bool, seen: &Seen<'_>) {
        let at = self.at(path.start(), seen);
        for place in places(self.names, path) {
            if let Some(below) = place.below().filter(|below| !below.is_empty()) {
                self.found.executed.push(Executed {
                    base: place.base,
                    up: place.up,
                    below,
                    own_process,
                    line: at.line,
                    guard: at.guard.clone(),
                });
            }
        }
    }

    fn adds_paths(&mut self, added: &Expr, seen: &Seen<'_>) {
        let elements = match added {
            Expr::List(list) => list.elts.as_slice(),
            Expr::Tuple(tuple) => tuple.elts.as_slice(),
            one => std::slice::from_ref(one),
        };
        for element in elements {
            let line = self.at(element.start(), seen).line;
            let known = places(self.names, element);
            let mut additions: Vec<PathAddition> = known
                .iter()
                .filter_map(|place| {
                    Some(PathAddition { base: place.base, up: place.up, below: place.below()?, line })
                })
                .collect();
            if known.is_empty() {
                additions.push(PathAddition { base: Base::Unknown, up: 0, below: String::new(), line });
            }
            for addition in additions {
                if !self.found.path_additions.contains(&addition) {
                    self.found.path_additions.push(addition);
                }
            }
        }
    }

    fn assigned(&mut self, target: &Expr, value: &Expr, seen: &Seen<'_>) {
        let changed = match target {
            Expr::Subscript(subscript) => &subscript.value,
            _ => target,
        };
        let full = self.names.full(changed);
        if let Expr::Subscript(subscript) = target
            && full.iter().any(|full| full == "os.environ")
        {
            return self.sets(&subscript.slice, value, seen);
        }
        if !full.iter().any(|full| full == "sys.path") {
            return;
        }
        // `sys.path = [x] + sys.path`
        let mut parts = vec![value];
        while let Some(part) = parts.pop() {
            match part {
                Expr::BinOp(operation) if operation.op == Operator::Add => {
                    parts.extend([&*operation.right, &*operation.left]);
                }
                Expr::List(_) => self.adds_paths(part, seen),
                // `sys.path[0] = x`
                _ if matches!(target, Expr::Subscript(_)) => self.adds_paths(part, seen),
                _ => {}
            }
        }
    }

    /// A variable of the environment.
    fn sets(&mut self, name: &Expr, value: &Expr, seen: &Seen<'_>) {
        let At { line, guard, .. } = self.at(name.start(), seen);
        let names = self.names.whole_texts(name).unwrap_or_default();
        for (name, value) in names.into_iter().zip(self.names.known_texts(value)) {
            self.variables.push(Setting { name, value, line, guard: guard.clone() });
        }
    }

    fn maybe_program(&mut self, full: &str, call: &ExprCall, seen: &Seen<'_>) {
        let args = &*call.arguments.args;
        let (module, last) = full.rsplit_once('.').unwrap_or(("", full));
        let shell = match (module, last) {
            ("os", "system" | "popen")
            | ("subprocess", "getoutput" | "getstatusoutput")
            | ("asyncio" | "asyncio.subprocess", "create_subprocess_shell") => true,
            ("subprocess", "run" | "call" | "check_call" | "check_output" | "Popen") => false,
            ("asyncio" | "asyncio.subprocess", "create_subprocess_exec") => return self.words(args, seen),
            ("os", _) if last.starts_with("execl") || last.starts_with("spawnl") => {
                let skipped = if last.starts_with("exec") { 1 } else { 2 };
                return self.words(args.get(skipped..).unwrap_or_default(), seen);
            }
            ("os", _) if last.starts_with("execv") || last.starts_with("spawnv") => {
                if let Some(list) = args.iter().find(|arg| matches!(arg, Expr::List(_) | Expr::Tuple(_))) {
                    self.command(list, seen);
                }
                return;
            }
            ("pip" | "pip._internal" | "pip._internal.cli.main", "main") => {
                let mut words = vec!["pip".to_owned()];
                words.extend(args.first().map(|it| self.argument_words(it)).unwrap_or_default());
                let at = self.at(call.start(), seen);
                return self.deeds(command::of_words(&words), &at);
            }
            // `get_ipython().system("pip install x")`
            (_, "system" | "getoutput" | "run_line_magic" | "run_cell_magic" | "magic") => {
                return self.ipython(last, call, seen);
            }
            _ => return,
        };
        let Some(argument) = call.arguments.find_argument_value("args", 0) else { return };
        if shell { self.lines(argument, seen) } else { self.command(argument, seen) }
    }

    fn ipython(&mut self, method: &str, call: &ExprCall, seen: &Seen<'_>) {
        let Expr::Attribute(attribute) = &*call.func else { return };
        let is_ipython = self.names.origins(&attribute.value).iter().any(|it| it.ends_with("get_ipython"))
            || matches!(&*attribute.value, Expr::Call(call) if last_name(&call.func) == Some("get_ipython"));
        if !is_ipython {
            return;
        }
        let args = &*call.arguments.args;
        let at = self.at(call.start(), seen);
        let text = |index: usize| args.get(index).map(|it| self.names.known_texts(it)).unwrap_or_default();
        match method {
            "system" | "getoutput" => text(0).iter().for_each(|line| self.line(line, Kind::Cell, &at)),
            "magic" => text(0).iter().for_each(|line| self.magic(line.trim_start_matches('%'), &at)),
            "run_line_magic" => {
                for (name, line) in text(0).iter().zip(text(1)) {
                    self.magic(&format!("{name} {line}"), &at);
                }
            }
            _ => {
                for (name, body) in text(0).iter().zip(text(2)) {
                    if matches!(name.as_str(), "bash" | "sh" | "script" | "sx" | "system") {
                        self.line(&body, Kind::Cell, &at);
                    }
                }
            }
        }
    }

    /// A command in one text, or its words in a list.
    fn command(&mut self, argument: &Expr, seen: &Seen<'_>) {
        let list = match argument {
            Expr::Name(name) => match self.names.values(&name.id) {
                [list @ (Expr::List(_) | Expr::Tuple(_))] => list,
                _ => argument,
            },
            _ => argument,
        };
        match list {
            Expr::List(list) => self.words(&list.elts, seen),
            Expr::Tuple(tuple) => self.words(&tuple.elts, seen),
            _ => self.lines(argument, seen),
        }
    }

    fn words(&mut self, elements: &[Expr], seen: &Seen<'_>) {
        let Some(first) = elements.first() else { return };
        let words: Vec<String> = elements.iter().map(|element| self.word(element)).collect();
        let at = self.at(first.start(), seen);
        // `["bash", "-c", "pip install x"]`
        if let [shell, option, line] = words.as_slice()
            && matches!(shell.as_str(), "bash" | "sh" | "/bin/bash" | "/bin/sh")
            && option.starts_with('-')
            && option.ends_with('c')
        {
            return self.line(line, Kind::Script, &at);
        }
        self.deeds(command::of_words(&words), &at);
    }

    fn argument_words(&self, argument: &Expr) -> Vec<String> {
        match argument {
            Expr::List(list) => list.elts.iter().map(|element| self.word(element)).collect(),
            _ => Vec::new(),
        }
    }

    fn word(&self, expr: &Expr) -> String {
        if self.names.full(expr).iter().any(|full| full == "sys.executable") {
            return "python".to_owned();
        }
        match self.names.texts(expr).as_deref() {
            Some([text]) => text.clone(),
            _ => UNKNOWN.to_string(),
        }
    }

    fn lines(&mut self, argument: &Expr, seen: &Seen<'_>) {
        let split = match argument {
            // `"a b".split()`, `shlex.split("a b")`
            Expr::Call(call) if last_name(&call.func) == Some("split") => match &*call.func {
                Expr::Attribute(attribute) => match self.names.texts(&attribute.value) {
                    Some(_) => &*attribute.value,
                    None => call.arguments.args.first().unwrap_or(argument),
                },
                _ => argument,
            },
            _ => argument,
        };
        let at = self.at(argument.start(), seen);
        for text in self.names.known_texts(split) {
            self.line(&text, Kind::Script, &at);
        }
    }

    pub(super) fn line(&mut self, line: &str, kind: Kind, at: &At) {
        self.deeds(command::deeds(line, kind), at);
    }

    /// Lines of a cell for a shell.
    pub(super) fn shell_cell(&mut self, first: u32, text: &str) {
        for (index, line) in (0..).zip(text.lines()) {
            self.line(line, Kind::Script, &At::line(first.saturating_add(index)));
        }
    }

    fn deeds(&mut self, deeds: Vec<Deed>, at: &At) {
        // What runs on another platform, or never, starts nothing here.
        if matches!(at.guard, Guard::TypeChecking | Guard::Elsewhere { .. }) {
            return;
        }
        for deed in deeds {
            match deed {
                Deed::Starts { name, module } => {
                    let guard = at.guard.clone();
                    self.found.programs.push(Program { name, module, line: at.line, guard });
                }
                Deed::Runs { path } => {
                    let up = path.split('/').take_while(|part| *part == "..").count();
                    let base = if path.starts_with('/') {
                        super::Base::Absolute
                    } else {
                        super::Base::WorkingFolder
                    };
                    let parts = path.split('/').skip(up).filter(|part| !matches!(*part, "" | "."));
                    self.found.executed.push(Executed {
                        base,
                        up,
                        below: parts.collect::<Vec<_>>().join("/"),
                        own_process: true,
                        line: at.line,
                        guard: at.guard.clone(),
                    });
                }
                Deed::Installs { installer, requirements, files } => {
                    self.found.installs.push(Install { installer, requirements, files, line: at.line });
                }
                Deed::Executes { code } => self.code(&code, at),
                Deed::Sets { name, value } => {
                    self.variables.push(Setting { name, value, line: at.line, guard: at.guard.clone() });
                }
            }
        }
    }

    /// A line magic, without its `%`.
    fn magic(&mut self, line: &str, at: &At) {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match name {
            "pip" | "conda" | "mamba" | "micromamba" | "uv" | "sx" | "system" => {
                let line = if matches!(name, "sx" | "system") { rest } else { line };
                self.line(line, Kind::Cell, at);
            }
            "run" => {
                let path = rest.split_whitespace().find(|word| !word.starts_with('-')).unwrap_or_default();
                let path = path.trim_matches(['"', '\'']);
                if let Some(place) = literal_path(path) {
                    self.found.executed.push(Executed { line: at.line, guard: at.guard.clone(), ..place });
                }
            }
            "load_ext" | "reload_ext" | "aimport" => {
                let module = rest.trim_start_matches('-').trim();
                if is_dotted(module) && !matches!(module, "autoreload" | "storemagic") {
                    self.import(module, 0, Vec::new(), at);
                }
            }
            "env" | "set_env" => {
                let (name, value) =
                    rest.split_once('=').or_else(|| rest.split_once(' ')).unwrap_or((rest, ""));
                if is_identifier(name.trim()) {
                    self.variables.push(Setting {
                        name: name.trim().to_owned(),
                        value: value.trim().to_owned(),
                        line: at.line,
                        guard: at.guard.clone(),
                    });
                }
            }
            _ => self.magics.push(Setting {
                name: name.to_owned(),
                value: rest.to_owned(),
                line: at.line,
                guard: at.guard.clone(),
            }),
        }
    }

    /// Code in a text.
    fn code(&mut self, text: &str, at: &At) {
        if self.depth >= DEEPEST || !text.contains("import") {
            return;
        }
        let Some(inner) = super::scan_within(text, self.target, Kind::Script, self.depth + 1).ok() else {
            return;
        };
        let first = u32::try_from(self.found.attempts.len()).unwrap_or(u32::MAX);
        let shifted = |guard: Guard| match guard {
            Guard::Tried { attempt } => Guard::Tried { attempt: attempt.saturating_add(first) },
            Guard::Fallback { attempt } => Guard::Fallback { attempt: attempt.saturating_add(first) },
            other => other,
        };
        self.found.attempts.extend(inner.attempts.into_iter().map(shifted));
        for import in inner.imports {
            let guard = match &at.guard {
                Guard::None => shifted(import.guard),
                outer => outer.clone(),
            };
            self.found.imports.push(Import {
                how: How::ByName,
                line: at.line,
                column: at.column,
                in_function: at.in_function || import.in_function,
                guard,
                ..import
            });
        }
    }
}

fn literal_path(path: &str) -> Option<Executed> {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    if path.contains(['$', '{', '~', UNKNOWN]) || !matches!(extension, Some("py" | "ipynb" | "ipy")) {
        return None;
    }
    let up = path.split('/').take_while(|part| *part == "..").count();
    let base = if path.starts_with('/') { super::Base::Absolute } else { super::Base::WorkingFolder };
    let parts = path.split('/').skip(up).filter(|part| !matches!(*part, "" | "."));
    let below = parts.collect::<Vec<_>>().join("/");
    Some(Executed { base, up, below, own_process: false, line: 0, guard: Guard::None })
}
