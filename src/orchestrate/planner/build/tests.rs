//! Tests of `build`.

use std::path::PathBuf;

use super::*;
use crate::orchestrate::planner::layer::{Layer, LayerRequest, needs_pytest, plan_layer};
use crate::spec::build_context::{ContextEntry, EntryKind};
use crate::spec::network::recipe::Recipe;
use crate::spec::network::{Certificates, LocalOnly};
use crate::spec::plan::{Action, ContainerEngine, Plan, shell};

fn context(text: &str) -> BuildContext {
    BuildContext {
        directory: "/p/src/digits/environment".into(),
        dockerfile: "Dockerfile".into(),
        text: text.into(),
        entries: vec![ContextEntry {
            path: "Dockerfile".into(),
            kind: EntryKind::File {
                executable: false,
                size: text.len() as u64,
                digest: blake3::hash(text.as_bytes()).to_hex().to_string(),
            },
        }],
        requirements: vec![],
    }
}

fn facts() -> BuildFacts {
    BuildFacts { builder: Builder::BuildKit, image: None, previous: None, bases: BTreeMap::new() }
}

fn network_help() -> NetworkHelp {
    NetworkHelp {
        certificates: vec![Certificates {
            path: "/etc/corp.pem".into(),
            size: 2000,
            variables: vec!["PIP_CERT".into(), "SSL_CERT_FILE".into()],
        }],
        pip: Some(Recipe::PipConf {
            files: vec![PathBuf::from("/etc/pip.conf")],
            variables: vec!["PIP_INDEX_URL".into()],
        }),
        proxies: vec!["HTTPS_PROXY".into(), "NO_PROXY".into()],
        credentials: vec!["PIP_INDEX_URL".into()],
        ..NetworkHelp::default()
    }
}

const TEXT: &str = "FROM python:3.11-slim\nRUN pip install --no-cache-dir numpy==2.4.1\n";

struct Case {
    context: BuildContext,
    flags: BuildFlags,
    help: NetworkHelp,
    experiment: ExperimentName,
    mirror: Option<&'static str>,
    network: Option<&'static str>,
}

impl Case {
    fn new(text: &str) -> Self {
        Self {
            context: context(text),
            flags: BuildFlags::default(),
            help: NetworkHelp::default(),
            experiment: ExperimentName::parse("digits").unwrap(),
            mirror: None,
            network: None,
        }
    }

    fn request(&self) -> BuildRequest<'_> {
        BuildRequest {
            project: "demo",
            experiment: &self.experiment,
            context: &self.context,
            flags: &self.flags,
            mirror: self.mirror,
            network: self.network,
            help: &self.help,
        }
    }

    fn plan(&self, facts: &BuildFacts) -> Result<BuildPlan, BuildPlanError> {
        plan_build(&self.request(), facts)
    }
}

#[test]
fn a_build_as_it_is_printed() {
    let mut case = Case::new(TEXT);
    case.help = network_help();
    case.mirror = Some("registry.example.com/hub");
    let mut facts = facts();
    facts.bases.insert("registry.example.com/hub/library/python:3.11-slim".into(), "sha256:01".into());
    assert_eq!(case.request().bases(), ["registry.example.com/hub/library/python:3.11-slim"]);
    let planned = case.plan(&facts).unwrap();
    assert_eq!(planned.why, [Reason::First]);
    let mut plan = Plan::new("make the image");
    plan.step(
        "make the image",
        Action::BuildImage { engine: ContainerEngine::Docker, build: planned.build.unwrap() },
    );
    insta::assert_snapshot!(shell::script(&plan));
}

#[test]
fn an_image_that_is_there_is_not_made_again_unless_it_is_asked_for() {
    let mut case = Case::new(TEXT);
    let mut facts = facts();
    facts.bases.insert("python:3.11-slim".into(), "sha256:02".into());
    facts.image = Some(BTreeMap::from([(
        image_tag::LABEL_BASE.to_owned(),
        r#"{"python:3.11-slim":"sha256:01"}"#.to_owned(),
    )]));
    let plan = case.plan(&facts).unwrap();
    assert_eq!((plan.build, plan.why), (None, vec![]));
    let moved = Moved { image: "python:3.11-slim".into(), was: "sha256:01".into(), now: "sha256:02".into() };
    assert_eq!(plan.moved, [moved]);

    case.flags = BuildFlags::parse(&["--no-cache", "--pull=false"]).unwrap();
    let plan = case.plan(&facts).unwrap();
    assert!(plan.build.unwrap().no_cache);
    assert_eq!(plan.why, [Reason::Asked { option: "--no-cache".into() }]);
}

#[test]
fn why_is_a_comparison_with_the_image_before() {
    let case = Case::new(TEXT);
    let mut facts = facts();
    facts.previous = Some(case.request().inputs());
    assert_eq!(case.plan(&facts).unwrap().why, [Reason::Gone]);
    facts.previous = Some(Case::new("FROM python:3.10-slim\n").request().inputs());
    let why: Vec<String> = case.plan(&facts).unwrap().why.iter().map(ToString::to_string).collect();
    assert_eq!(
        why,
        [
            "the base image was `docker.io/library/python:3.10-slim` and is `docker.io/library/python:3.11-slim`",
            "`Dockerfile` changed"
        ]
    );
}

#[test]
fn the_mirror_is_no_part_of_the_name() {
    let mut case = Case::new(TEXT);
    let tag = case.request().tag();
    case.mirror = Some("registry.example.com");
    case.help = network_help();
    assert_eq!(case.request().tag(), tag);
    assert_eq!(case.plan(&facts()).unwrap().tag, tag);
}

#[test]
fn no_value_of_this_machine_is_in_a_plan() {
    let mut case = Case::new(TEXT);
    case.help = network_help();
    let build = case.plan(&facts()).unwrap().build.unwrap();
    let stored = serde_json::to_string(&build).unwrap();
    let read: ImageBuild = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, build);
    assert_eq!(build.args["HTTPS_PROXY"], ArgValue::FromHost);
    assert_eq!(build.secrets.len(), 2);
}

#[test]
fn a_builder_without_secrets() {
    let mut case = Case::new(TEXT);
    case.help = network_help();
    let mut facts = facts();
    facts.builder = Builder::Classic;
    let error = case.plan(&facts).unwrap_err();
    assert_eq!(error, BuildPlanError::Credentials { places: vec!["PIP_INDEX_URL".into()] });
    assert_eq!(
        error.to_string(),
        "the package index in `PIP_INDEX_URL` has a password, and this engine's builder cannot keep secrets"
    );
    case.help.credentials.clear();
    let plan = case.plan(&facts).unwrap();
    assert_eq!(plan.notes.len(), 1);
    let build = plan.build.unwrap();
    assert_eq!((build.text, build.secrets), (None, vec![]));
    assert_eq!(build.args.len(), 2, "proxies leave no trace and go along");
    // Nothing is run, so nothing is needed.
    case.help = network_help();
    case.context = context("FROM scratch\nCOPY a /\n");
    assert!(case.plan(&facts).unwrap().build.unwrap().args.is_empty());
}

#[test]
fn an_index_on_this_machine_is_out_of_reach_unless_the_network_is_shared() {
    let mut case = Case::new(TEXT);
    case.help.local = vec![LocalOnly { place: "PIP_INDEX_URL".into(), host: "localhost:3141".into() }];
    let error = case.plan(&facts()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`PIP_INDEX_URL` leads to `localhost:3141`, this machine itself, where a build cannot reach it"
    );
    case.network = Some("host");
    assert_eq!(case.plan(&facts()).unwrap().build.unwrap().network.as_deref(), Some("host"));
    case.network = None;
    case.flags.network = Some("host".into());
    assert!(case.plan(&facts()).is_ok());
}

#[test]
fn what_a_dockerfile_must_have() {
    let error = Case::new("# nothing\n").plan(&facts()).unwrap_err();
    assert_eq!(error.to_string(), "`/p/src/digits/environment/Dockerfile` has no `FROM`");
    let mut case = Case::new("ARG BASE\nFROM ${BASE}\n");
    let error = case.plan(&facts()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/p/src/digits/environment/Dockerfile:2`: the base image `${BASE}` has a variable without a value"
    );
    assert_eq!(error.hints()[1], "or a value: `--build-xargs \"--build-arg BASE=…\"`");
    case.flags = BuildFlags::parse(&["--build-arg", "BASE=python:3.11"]).unwrap();
    assert!(case.plan(&facts()).is_ok());
    assert!(Case::new("FROM x:${TARGETARCH}\n").plan(&facts()).is_ok());
}

#[test]
fn words_of_build_xargs() {
    let flags =
        BuildFlags::parse(&["--build-arg=A=b=c", "--build-arg", "HTTP_PROXY", "--network=host", "--pull"]);
    let flags = flags.unwrap();
    assert_eq!(flags.args["A"], ArgValue::Plain("b=c".into()));
    assert_eq!(flags.args["HTTP_PROXY"], ArgValue::FromHost);
    assert_eq!((flags.network.as_deref(), flags.pull, flags.no_cache), (Some("host"), true, false));
    for (words, said) in [
        (vec!["--squash"], "`--squash` is not among the options of a build that scaf knows"),
        (vec!["--network"], "`--network` wants a value"),
        (vec!["."], "`.` is not among the options of a build that scaf knows"),
        (
            vec!["--build-arg", "TOKEN"],
            "`--build-arg TOKEN` would put the value of `TOKEN` on this machine into the image's history",
        ),
    ] {
        let error = BuildFlags::parse(&words).unwrap_err();
        assert_eq!(error.to_string(), said);
        assert_eq!(error.fault(), Fault::Usage);
        assert!(!error.hints().is_empty());
    }
}

#[test]
fn layers_on_top() {
    let case = Case::new(TEXT);
    let help = network_help();
    let mut request = LayerRequest {
        layer: Layer::Pytest,
        project: "demo",
        experiment: &case.experiment,
        base: "scaf/demo/digits:0123456789abcdef",
        user: None,
        context: "/home/me/.cache/scaf/empty".into(),
        network: None,
        help: &help,
        builder: Builder::BuildKit,
    };
    let pytest = plan_layer(&request).unwrap();
    insta::assert_snapshot!(pytest.build.text.clone().unwrap());
    assert!(pytest.tag.starts_with("scaf/demo/digits:pytest-"));
    request.layer = Layer::Notebook;
    let notebook = plan_layer(&request).unwrap();
    insta::assert_snapshot!(notebook.build.text.unwrap());
    request.base = "scaf/demo/digits:fedcba9876543210";
    assert_ne!(plan_layer(&request).unwrap().tag, notebook.tag);
    request.user = Some("1000:100");
    assert!(plan_layer(&request).unwrap().build.text.unwrap().ends_with("\nUSER 1000:100\n"));
    // What only helps on the way there is no part of the name.
    let nothing = NetworkHelp::default();
    request.help = &nothing;
    let tag = plan_layer(&request).unwrap().tag;
    request.help = &help;
    assert_eq!(plan_layer(&request).unwrap().tag, tag);

    let mut context = case.context;
    assert!(needs_pytest(&context));
    context.requirements = vec![("requirements.txt".into(), "PyTest==9.2.0\n".into())];
    assert!(!needs_pytest(&context));
}

#[test]
fn a_client_without_buildkit_can_do_what_needs_no_secret() {
    let printed = |case: &Case| {
        let build = case.plan(&facts()).unwrap().build.unwrap();
        let engine = ContainerEngine::Docker;
        let mut plan = Plan::new("x");
        plan.step("make the image", Action::BuildImage { engine, build });
        shell::script(&plan)
    };
    // scaf itself sends the mount of a cache; by hand the author's own file makes the same image.
    let own = printed(&Case::new(TEXT));
    assert!(own.contains("docker build --tag") && own.contains("/p/src/digits/environment >&2\n"), "{own}");
    assert!(!own.contains("--mount") && !own.contains("--file"), "{own}");
    let mirrored = printed(&Case { mirror: Some("registry.example.com/hub"), ..Case::new(TEXT) });
    assert!(mirrored.contains("docker build --tag") && mirrored.contains("--file - "), "{mirrored}");
    assert!(mirrored.contains("\nFROM registry.example.com/hub/library/python:3.11-slim\n"), "{mirrored}");
    assert!(!mirrored.contains("--mount"), "{mirrored}");
    // The author's own mounts, and secrets, are for BuildKit alone.
    let mounts = printed(&Case::new("FROM a\nRUN --mount=type=cache,target=/c pip install x\n"));
    assert!(mounts.contains("docker buildx build --load"), "{mounts}");
    let secrets = printed(&Case { help: network_help(), ..Case::new(TEXT) });
    assert!(secrets.contains("docker buildx build --load"), "{secrets}");
}
