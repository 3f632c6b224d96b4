//! What a scan finds, behaviour by behaviour.

use super::*;
use crate::project::python::imports::How;

fn found(source: &str) -> Scan {
    scan(source, &Target::default(), Kind::Script).unwrap()
}

/// `line module` and the guard, an import a line.
fn guarded(source: &str) -> Vec<String> {
    found(source)
        .imports
        .iter()
        .map(|import| {
            let guard = match &import.guard {
                Guard::None => String::new(),
                Guard::Tried { attempt } => format!(" tried {attempt}"),
                Guard::Fallback { attempt } => format!(" fallback {attempt}"),
                Guard::TypeChecking => " typing".to_owned(),
                Guard::Elsewhere { condition } => format!(" elsewhere: {condition}"),
            };
            let by_name = if matches!(import.how, How::ByName | How::ByPath) { " by name" } else { "" };
            format!("{} {}{by_name}{guard}", import.line, import.shown())
        })
        .collect()
}

#[test]
fn a_handler_that_leaves_keeps_the_import_required() {
    let source = "\
try:
    import a
except ImportError:
    print('pip install a')
    sys.exit(1)
try:
    import b
except ImportError as e:
    raise RuntimeError('b') from e
try:
    import c
finally:
    pass
try:
    import d
except ImportError:
    if x:
        raise
    else:
        exit()
try:
    import e
except ImportError:
    if x:
        raise
try:
    import f
except ModuleNotFoundError:
    raise
except ImportError:
    pass
";
    assert_eq!(guarded(source), ["2 a", "7 b", "11 c", "15 d", "22 e tried 3", "27 f"]);
}

#[test]
fn what_is_tried_and_what_stands_in_for_it() {
    let source = "\
try:
    import cupy as xp
except ModuleNotFoundError:
    try:
        import jax.numpy as xp
    except ImportError:
        import numpy as xp
else:
    import cupyx
with suppress(ImportError):
    import three
try:
    import wandb
    HAS = True
except ImportError:
    HAS = False
    wandb = None
if HAS:
    import wandb.x
if wandb is None and y:
    import other
if not HAS:
    import more
else:
    import less
";
    assert_eq!(
        guarded(source),
        [
            "2 cupy tried 0",
            "5 jax.numpy tried 1",
            "7 numpy fallback 1",
            "9 cupyx tried 0",
            "11 three tried 2",
            "13 wandb tried 3",
            "19 wandb.x tried 3",
            "21 other fallback 3",
            "23 more fallback 3",
            "25 less tried 3",
        ]
    );
    let around = found(source).attempts;
    assert_eq!(around[..2], [Guard::None, Guard::Fallback { attempt: 0 }]);
}

#[test]
fn a_handler_of_everything_means_an_import_that_comes_first() {
    let source = "\
try:
    import a
    a.start()
except Exception:
    a = None
try:
    data = load()
    import b
    b.plot(data)
except:
    print('failed')
try:
    data = load()
    import c
except (OSError, ImportError):
    pass
";
    assert_eq!(guarded(source), ["2 a tried 0", "8 b", "14 c tried 1"]);
}

#[test]
fn asked_for_first() {
    let source = "\
if importlib.util.find_spec('a') is not None:
    import a
else:
    import b
has_c = find_spec('c') is not None
if has_c:
    import c
if is_wandb_available():
    import wandb
def f():
    if not has_c:
        return
    import c.d
import e
def g():
    if has_c is None:
        raise ImportError('c')
    import c.e
def h():
    if not has_c or quick:
        return
    import c.f
if has_c or has_d:
    import c.g
if not (has_c and True):
    import d
if torch.cuda.is_available() or is_gpu_available():
    import pycuda
if _package_available('g') and fast:
    import g
";
    assert_eq!(
        guarded(source),
        [
            "2 a tried 0",
            "4 b fallback 0",
            "7 c tried 1",
            "9 wandb tried 2",
            "13 c.d tried 1",
            "14 e",
            "18 c.e",
            "22 c.f tried 1",
            "24 c.g",
            "26 d",
            "28 pycuda",
            "30 g tried 3",
        ]
    );
}

#[test]
fn platforms_and_versions() {
    let source = "\
import sys, os, platform as p
from sys import version_info
if sys.version_info >= (3, 11):
    import a
else:
    import b
if sys.platform == 'win32':
    import c
elif sys.platform.startswith('linux'):
    import d
else:
    import e
if p.machine() in ('arm64', 'aarch64'): import f
if os.name == 'nt' or sys.version_info[0] < 3: import g
WINDOWS = p.system() == 'Windows'
if WINDOWS and x: import h
if not WINDOWS: import i
if version_info[:2] < (3, 8): import j
if sys.version_info.major == 2: import k
if sys.version_info >= (3, 11, 4): import l
match sys.platform:
    case 'darwin': import m
    case 'linux': import n
if x: import o
if False: import q
if sys.version_info == (3, 11): import r
if sys.version_info <= (3, 10, 5): import s
";
    assert_eq!(
        guarded(source)[4..],
        [
            "4 a",
            "6 b elsewhere: not sys.version_info >= (3, 11)",
            "8 c elsewhere: sys.platform == 'win32'",
            "10 d",
            "12 e elsewhere: not sys.platform.startswith('linux')",
            "13 f elsewhere: p.machine() in ('arm64', 'aarch64')",
            "14 g elsewhere: os.name == 'nt' or sys.version_info[0] < 3",
            "16 h elsewhere: WINDOWS and x",
            "17 i",
            "18 j elsewhere: version_info[:2] < (3, 8)",
            "19 k elsewhere: sys.version_info.major == 2",
            "20 l",
            "22 m elsewhere: sys.platform == 'darwin'",
            "23 n",
            "24 o",
            "25 q elsewhere: False",
            "26 r elsewhere: sys.version_info == (3, 11)",
            "27 s elsewhere: sys.version_info <= (3, 10, 5)",
        ]
    );
    let windows = Target { python: (3, 8), sys_platform: "win32".to_owned(), machine: "AMD64".to_owned() };
    let there = scan(source, &windows, Kind::Script).unwrap().imports;
    let needed: Vec<&str> =
        there[4..].iter().filter(|it| it.guard == Guard::None).map(|it| it.module.as_str()).collect();
    assert_eq!(needed, ["b", "c", "g", "h", "o", "s"]);
}

#[test]
fn type_checking() {
    let source = "\
import typing as t
from typing import TYPE_CHECKING
if t.TYPE_CHECKING:
    import a
else:
    import b
if not TYPE_CHECKING:
    import c
else:
    import d
if TYPE_CHECKING and x:
    try:
        import e
    except ImportError:
        pass
";
    assert_eq!(guarded(source)[2..], ["4 a typing", "6 b", "8 c", "10 d typing", "13 e typing"]);
}

#[test]
fn what_is_broken_is_read_as_far_as_it_goes() {
    let read = found("import urllib2\nprint \"x\"\nimport six\n");
    assert!(read.broken);
    assert_eq!((read.problems[0].line, read.imports.len()), (2, 2));
    let read = found("from here we import stuff\nimport a\n");
    assert_eq!(read.imports.iter().map(|it| it.module.as_str()).collect::<Vec<_>>(), ["a"]);
    let error = scan("x = 1\nimport b\0\n", &Target::default(), Kind::Script).unwrap_err();
    assert_eq!((error.line, error.column), (2, 9));
}

#[test]
fn syntax_that_is_too_new_for_the_target_is_said() {
    let old = Target { python: (3, 8), ..Target::default() };
    let source = "match x:\n    case 1: import a\n";
    let read = scan(source, &old, Kind::Script).unwrap();
    assert!(!read.broken && read.imports.len() == 1);
    assert_eq!(read.problems[0].line, 1);
    assert!(found(source).problems.is_empty());
}

#[test]
fn a_program_says_so() {
    assert!(found("if __name__=='__main__': main()").is_program);
    assert!(found("if \"__main__\" == __name__:\n  main()").is_program);
    assert!(!found("if __name__ == 'x': main()").is_program);
}

fn by_name(source: &str) -> Vec<String> {
    let scan = found(source);
    let shown = |import: &Import| {
        let names =
            if import.names.is_empty() { String::new() } else { format!(" [{}]", import.names.join(" ")) };
        format!("{} {}{names}", import.line, import.shown())
    };
    scan.imports.iter().filter(|it| matches!(it.how, How::ByName | How::ByPath)).map(shown).collect()
}

#[test]
fn names_that_loops_and_collections_hold() {
    let source = "\
from importlib import import_module as im
NAMES = ('a', 'b')
PARTS = {'x': 'c', 'y': 'd'}
PAIRS = [('e', 1), ('f', 2)]
for n1 in NAMES: im(n1)
[im(n2) for n2 in ['g']]
{k1: im(v1) for k1, v1 in PARTS.items()}
for p1, _ in PAIRS: im(p1)
im(PARTS['x'])
im(PARTS[which])
im(PARTS.get('y'))
for i1, n3 in enumerate(sorted(NAMES)): im(n3)
for n4 in open('names'): im(n4)
for n5 in 'abc': im(n5)
for n6 in {'h': 1}: im(n6)
im(OTHER['x'])
im(PARTS['z'])
";
    assert_eq!(
        by_name(source),
        [
            "5 a", "5 b", "6 g", "7 c", "7 d", "8 e", "8 f", "9 c", "10 c", "10 d", "11 d", "12 a", "12 b",
            "15 h",
        ]
    );
}

#[test]
fn imports_by_name() {
    let source = "\
import importlib, pytest
from importlib import import_module as im
importlib.import_module('sklearn.linear_model')
im('cv2')
bs = __import__('bs4')
name = 'torch'
mod = importlib.import_module(name)
load = importlib.import_module
load('loaded')
for n in ('a', 'b'):
    im(n)
im('.near', __package__)
im('..up', package='pkg.sub')
lambda: __import__('rich')
np = pytest.importorskip('numpy')
x = LazyLoader('tf', globals(), 'tensorflow')
im(unknown); im('no module'); im(f'{x}')
exec('import xgboost\\ntry:\\n  import c\\nexcept ImportError: pass')
eval('__import__(\"lightgbm\")')
runpy.run_module('pkg.main')
import runpy
";
    assert_eq!(
        by_name(source),
        [
            "3 sklearn.linear_model",
            "4 cv2",
            "5 bs4",
            "7 torch",
            "9 loaded",
            "11 a",
            "11 b",
            "12 .near",
            "13 pkg.up",
            "14 rich",
            "15 numpy",
            "16 tensorflow",
            "18 xgboost",
            "18 c",
            "19 lightgbm",
            "20 pkg.main",
        ]
    );
    let scan = found(source);
    let guard = |module: &str| &scan.imports.iter().find(|it| it.module == module).unwrap().guard;
    assert!(matches!(guard("numpy"), Guard::Tried { .. }) && matches!(guard("c"), Guard::Tried { .. }));
    assert_eq!(*guard("xgboost"), Guard::None);
}

#[test]
fn a_name_that_is_now_this_and_now_that_is_not_followed() {
    assert_eq!(by_name("name = 'torch'\nname = f()\n__import__(name)\n"), [] as [&str; 0]);
    assert_eq!(by_name("def f(name):\n    __import__(name)\n"), [] as [&str; 0]);
    assert_eq!(by_name("name = 'a' if x else 'b'\n__import__(name)\n"), ["2 a", "2 b"]);
}

#[test]
fn class_paths_in_code() {
    let source = "\
import hydra, pydoc
from hydra.utils import get_class
conf = {'_target_': 'timm.create_model', 'x': 1}
more = dict(_target_='torch.optim.AdamW')
get_class('a.b.C'); pydoc.locate('json.dumps'); other.get_class('x.y')
";
    assert_eq!(
        by_name(source),
        ["3 timm [create_model]", "4 torch.optim [AdamW]", "5 a.b [C]", "5 json [dumps]"]
    );
}

#[test]
fn families_of_modules() {
    let source = "\
import importlib, pkgutil
from pkg import plugins
for n in names:
    importlib.import_module(f'plugins.{n}')
    importlib.import_module('.' + n, package='plugins')
    importlib.import_module('deep.%s.model' % n)
    importlib.import_module('.{}'.format(n), __package__)
    importlib.import_module('a.b.' + n + '.c')
for _, n, _ in pkgutil.iter_modules(plugins.__path__): pass
for _, n, _ in pkgutil.walk_packages(__path__): pass
importlib.import_module(n + '.x')
";
    let families: Vec<String> = found(source)
        .families
        .iter()
        .map(|family| format!("{} {}{}", family.line, ".".repeat(family.level as usize), family.package))
        .collect();
    assert_eq!(families, ["4 plugins", "5 plugins", "6 deep", "7 .", "8 a.b", "9 pkg.plugins", "10 ."]);
}

#[test]
fn additions_to_the_path() {
    let source = "\
import os, sys, site, os.path as osp
from pathlib import Path
sys.path.append('..')
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / 'src'))
sys.path += [os.getcwd() + '/x']
sys.path.extend(['a/b', './c'])
sys.path = [osp.join(__file__, os.pardir)] + sys.path
here = osp.dirname(osp.realpath(__file__))
sys.path.append(f'{here}/../../y')
sys.path[0] = '/opt/z'
site.addsitedir(here)
sys.path.append(unknown); sys.path.append('~/lib'); paths.append('no')
for p in ['one', 'two']:
    sys.path.append(p)
sys.path.append(os.path.split(here)[0])
";
    let shown: Vec<String> = found(source)
        .path_additions
        .iter()
        .map(|it| format!("{} {:?} {}{}", it.line, it.base, "../".repeat(it.up), it.below))
        .collect();
    assert_eq!(
        shown,
        [
            "3 WorkingFolder ../",
            "4 ScriptFolder ",
            "5 ScriptFolder ../lib",
            "7 ScriptFolder ../src",
            "8 WorkingFolder x",
            "9 WorkingFolder a/b",
            "9 WorkingFolder c",
            "10 ScriptFolder ",
            "12 ScriptFolder ../../y",
            "13 Absolute opt/z",
            "14 ScriptFolder ",
            "15 Unknown ",
            "17 WorkingFolder one",
            "17 WorkingFolder two",
            "18 ScriptFolder ../",
        ]
    );
}

#[test]
fn files_that_are_executed() {
    let source = "\
import os, runpy, subprocess, sys
from pathlib import Path
exec(open('cfg.py').read())
exec(compile(open('a/b.py', 'rb').read(), 'b.py', 'exec'), globals())
exec(Path(__file__).parent.joinpath('c.py').read_text())
runpy.run_path('d.py')
subprocess.run([sys.executable, 'e.py', '--x', '1'])
os.system('python ../f.py')
exec(text)
";
    let shown: Vec<String> = found(source)
        .executed
        .iter()
        .map(|it| {
            let own = if it.own_process { " process" } else { "" };
            format!("{} {:?} {}{}{own}", it.line, it.base, "../".repeat(it.up), it.below)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "3 WorkingFolder cfg.py",
            "4 WorkingFolder a/b.py",
            "5 ScriptFolder c.py",
            "6 WorkingFolder d.py",
            "7 WorkingFolder e.py process",
            "8 WorkingFolder ../f.py process",
        ]
    );
}

#[test]
fn programs_that_are_started() {
    let source = "\
import os, subprocess as sp, sys, asyncio, pip
from subprocess import check_call
os.system('torchrun --nproc_per_node 4 -m pkg.train')
sp.run(['accelerate', 'launch', 'train.py'], check=True)
check_call([sys.executable, '-m', 'pip', 'install', 'rich', name])
sp.Popen(f'deepspeed {script} --x', shell=True)
cmd = 'mlflow ui --port 1'
sp.call(cmd.split())
sp.run(['bash', '-c', 'pip install a==1'])
pip.main(['install', 'b'])
os.execvp('tensorboard', ['tensorboard', '--logdir', 'x'])
asyncio.create_subprocess_exec('ray', 'start')
model.run('nothing')
if sys.platform == 'win32': os.system('cls')
try:
    sp.run('wandb login')
except Exception: pass
";
    let scan = found(source);
    let shown: Vec<String> = scan
        .programs
        .iter()
        .map(|it| format!("{} {}{}", it.line, if it.module { "-m " } else { "" }, it.name))
        .collect();
    assert_eq!(
        shown,
        [
            "3 torchrun",
            "3 -m pkg.train",
            "4 accelerate",
            "6 deepspeed",
            "8 mlflow",
            "11 tensorboard",
            "12 ray",
            "16 wandb"
        ]
    );
    let installs: Vec<String> =
        scan.installs.iter().map(|it| format!("{} {}", it.line, it.requirements.join(" "))).collect();
    assert_eq!(installs, ["5 rich", "9 a==1", "10 b"]);
}

fn cell(source: &str) -> Scan {
    scan(source, &Target::default(), Kind::Cell).unwrap()
}

#[test]
fn cells_with_magics() {
    let read = cell(
        "%pip install einops\n!pip install -q scikit-image\n%matplotlib inline\nimport sys\nif x:\n    !pip install timm\n    \
         import timm\nelse:\n    %load_ext autoreload\n    %load_ext tensorboard\nfiles = !ls\n?torch.nn\npd.read_csv?\n\
         get_ipython().system('pip install rich')\nget_ipython().run_line_magic('pip', 'install a')\n%run ../x/b.py\n",
    );
    assert!(!read.broken);
    let imports: Vec<_> = read.imports.iter().map(|it| (it.line, it.module.as_str())).collect();
    assert_eq!(imports, [(4, "sys"), (7, "timm"), (10, "tensorboard")]);
    let installs: Vec<_> = read.installs.iter().map(|it| (it.line, it.requirements.join(" "))).collect();
    let wanted = [(1, "einops"), (2, "scikit-image"), (6, "timm"), (14, "rich"), (15, "a")];
    assert_eq!(installs, wanted.map(|(line, name)| (line, name.to_owned())));
    assert_eq!((read.executed[0].up, read.executed[0].below.as_str()), (1, "x/b.py"));
}

#[test]
fn cells_of_other_kinds() {
    let read = cell("%%bash\nimport notpython\npip install a\n");
    assert!(read.imports.is_empty() && !read.broken);
    assert_eq!((read.installs[0].line, read.installs[0].requirements.as_slice()), (3, &["a".to_owned()][..]));
    let read = cell("%%time\n\nimport pandas as pd\n");
    assert_eq!(read.imports[0].line, 3);
    let read = cell("%%mine x\nSELECT 1");
    assert!(!read.broken && read.problems.is_empty());
    assert_eq!(cell("%%mine x\nimport a").imports.len(), 1);
    assert_eq!(cell("%%writefile helper.py\nimport flask").writes[0].path, "helper.py");
    let read = cell("pip install a\nimport a");
    assert!(!read.broken && read.imports.len() == 1 && read.installs.len() == 1);
    let read = cell("print \"python 2 cell\"\nimport sklearn");
    assert!(read.broken && read.imports[0].module == "sklearn");
}

#[test]
fn a_script_that_is_a_notebook_as_well() {
    let source = "# %% [markdown]\n# import nothing\n# %%\n# %pip install einops\n# !pip install timm\nimport einops\n";
    let read = found(source);
    let installs: Vec<_> = read.installs.iter().map(|it| (it.line, it.requirements.join(" "))).collect();
    assert_eq!(installs, [(4, "einops".to_owned()), (5, "timm".to_owned())]);
    assert_eq!(read.imports.len(), 1);
    assert!(found("# run pip install x\n# %s\n").installs.is_empty());
}

#[test]
fn a_script_block_that_is_wrong_is_a_problem_and_no_end() {
    let read = found("# /// script\n# dependencies = [1]\n# ///\nimport a\n");
    assert!(!read.broken && read.script_block.is_none());
    assert_eq!((read.problems[0].line, read.imports.len()), (2, 1));
    assert_eq!(
        found("# /// script\n# dependencies = [\"a\"]\n# ///\n").script_block.unwrap().dependencies,
        ["a"]
    );
}

/// As the threads that read files have it.
fn with_large_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn deep_nesting_is_survived() {
    with_large_stack(|| {
        let deep = |part: &str, close: &str, count: usize| {
            format!("import subprocess\nx = {}1{}\nimport a\n", part.repeat(count), close.repeat(count))
        };
        for (part, close) in
            [("[", "]"), ("-", ""), ("1 + ", ""), ("f(", ")"), ("not ", ""), ("lambda: ", "")]
        {
            let read = found(&deep(part, close, 20_000));
            assert_eq!(read.imports.len(), 2, "{part}");
        }
        let chain = format!("import subprocess\nx = a{}\nimport b\n", ".c()".repeat(20_000));
        assert_eq!(found(&chain).imports.len(), 2);
        assert!(scan(&deep("[", "]", 400_000), &Target::default(), Kind::Script).is_err());
    });
}

#[test]
fn names_that_stand_for_themselves_come_to_an_end() {
    let mut source = String::from("import importlib, sys, subprocess, os\n");
    for _ in 0..50 {
        source += "x = x + x\ny = os.path.join(y, y)\nz = z.f(z)\n";
    }
    source += "importlib.import_module(x)\nsys.path.append(y)\nz.run()\nsubprocess.run(x)\nimport end\n";
    assert_eq!(found(&source).imports.last().unwrap().module, "end");
}
