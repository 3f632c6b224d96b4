//! What the rules say of code.

use super::super::scan::{Kind, scan};
use super::*;

/// `line rule: distributions`, with `?` where it is not certain.
fn implied_on(source: &str, target: &Target) -> Vec<String> {
    let found = scan(source, target, Kind::Script).unwrap();
    assert!(!found.broken, "{:?}", found.problems);
    found
        .implied
        .iter()
        .map(|it| {
            let sure = if it.certain && !it.versions.ends_with('?') { "" } else { "?" };
            format!("{} {}: {}{sure}", it.line, it.rule, it.distributions.join("|"))
        })
        .collect()
}

fn implied(source: &str) -> Vec<String> {
    implied_on(source, &Target::default())
}

/// What is named, without where and why.
fn names(source: &str) -> Vec<String> {
    let mut names: Vec<String> =
        implied(source).iter().filter_map(|it| it.split(": ").nth(1).map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn calls_are_known_by_their_full_names() {
    let source = "\
import pandas as pd
from pandas import read_hdf as rh
pd.read_parquet('a.parquet')
rh('x')
def read_parquet(x): pass
read_parquet(1); other.read_feather(1); pd.to_datetime(1)
";
    assert_eq!(implied(source), ["3 pandas/parquet: pyarrow|fastparquet", "4 pandas/hdf: tables"]);
    assert_eq!(implied("import numpy as pd\npd.read_parquet('x')\n"), [] as [&str; 0]);
    assert_eq!(implied("from pandas import *\nread_feather('x')\n"), ["2 pandas/arrow-formats: pyarrow"]);
}

#[test]
fn what_is_given_may_be_made_of_itself() {
    let source = "\
import pandas as pd
path = path if path else other(path)
pd.read_parquet(path, engine=path)
def f(uri, root=None):
    uri = uri if uri.startswith(root) else join(root, uri)
    import imageio
    imageio.imread(uri, as_gray=uri, pilmode=uri)
";
    assert!(
        implied(source).contains(&"3 pandas/parquet: pyarrow|fastparquet".to_owned()),
        "{:?}",
        implied(source)
    );
}

#[test]
fn the_synthetic_case() {
    let source = "\
import torch, pandas as pd, matplotlib
from torch.utils.tensorboard import SummaryWriter
matplotlib.use('QtAgg')
pd.read_parquet('a.parquet'); pd.read_excel('a.xlsx'); pd.read_html('x'); pd.read_hdf('h5')
from transformers import AutoTokenizer, TrainingArguments
TrainingArguments('o', report_to='wandb')
AutoTokenizer.from_pretrained('t5-small', use_fast=False)
import sqlalchemy
sqlalchemy.create_engine('postgresql+psycopg2://h/d')
import fsspec
fsspec.open('s3://b/k')
pd.read_csv('gs://b/k')
";
    assert_eq!(
        names(source),
        [
            "PyQt6|PySide6|PyQt5|PySide2",
            "accelerate",
            "gcsfs",
            "lxml",
            "openpyxl",
            "psycopg2-binary|psycopg2",
            "pyarrow|fastparquet",
            "s3fs",
            "sentencepiece",
            "tables",
            "tensorboard",
            "torch",
            "wandb",
        ]
    );
}

#[test]
fn literals_decide() {
    let source = "\
import pandas as pd
pd.read_parquet(x, engine='fastparquet')
pd.read_parquet(x, 'pyarrow')
pd.read_excel(f'{folder}/a.xls')
pd.read_excel(path)
pd.read_excel('a.xlsx', engine='calamine')
pd.read_html(x, flavor='bs4')
url = f'postgresql://{user}:{password}@host/db'
pd.read_sql(q, url)
pd.read_csv('data/' + name)
df.to_sql('t', 'sqlite:///x.db')
pd.read_csv(os.path.join('s3://bucket', name))
";
    assert_eq!(
        implied(source),
        [
            "2 pandas/parquet: fastparquet",
            "3 pandas/parquet: pyarrow",
            "4 pandas/excel: xlrd",
            "5 pandas/excel: openpyxl",
            "6 pandas/excel-engine: python-calamine",
            "7 pandas/html: beautifulsoup4",
            "7 pandas/html: html5lib",
            "9 pandas/sql: psycopg2-binary|psycopg2",
            "9 pandas/sqlalchemy: SQLAlchemy",
            "11 pandas/to-sql-sqlalchemy: SQLAlchemy",
            "12 pandas/urls: s3fs",
        ]
    );
}

#[test]
fn methods_ask_for_their_library_or_for_what_it_made() {
    assert_eq!(names("import pandas\nx.to_parquet('a')\n"), ["pyarrow|fastparquet"]);
    assert_eq!(names("import polars\nx.to_parquet('a')\n"), [] as [&str; 0]);
    assert_eq!(names("import pandas, mylib\nmylib.to_parquet('a')\n"), [] as [&str; 0]);
    let plots = "\
import pandas as pd
frame = pd.read_csv('x')
frame['a'].groupby('b').mean().plot()
";
    assert_eq!(implied(plots), ["3 pandas/plot: matplotlib"]);
    assert_eq!(names("import pandas as pd\nax.plot(x)\nresults.plot()\n"), [] as [&str; 0]);
    assert_eq!(names("import pandas as pd\ndf.plot.bar()\n"), ["matplotlib"]);
    assert_eq!(names("import pandas as pd\ndf.plot(backend='plotly')\n"), ["plotly"]);
    assert_eq!(names("import pandas as pd\ndef f(data: pd.DataFrame):\n    data.style.hide()\n"), ["Jinja2"]);
    assert_eq!(names("import pandas as pd, cv2\ndf = cv2.imread('x')\ndf.plot()\n"), [] as [&str; 0]);
    let held = "import pandas as pd\nclass A:\n    def f(self):\n        self.data = pd.read_csv('x')\n    def g(self):\n        self.data.hist()\n";
    assert_eq!(implied(held), ["6 pandas/plot: matplotlib"]);
}

#[test]
fn what_may_fail_or_never_runs() {
    let source = "\
import sys
import pandas as pd
try:
    df.to_parquet('a')
except ImportError:
    df.to_csv('a')
if sys.platform == 'win32':
    pd.read_html('x')
try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:
    pass
if TYPE_CHECKING:
    from pytorch_lightning.loggers import WandbLogger
def f():
    pd.read_hdf('x')
";
    assert_eq!(
        implied(source),
        [
            "4 pandas/to-parquet: pyarrow|fastparquet?",
            "10 torch/tensorboard: tensorboard?",
            "16 pandas/hdf: tables",
        ]
    );
    let tried =
        "import pandas as pd\ntry:\n    import x\n    df.to_parquet('a')\nexcept ImportError:\n    pass\n";
    assert_eq!(implied(tried), ["4 pandas/to-parquet: pyarrow|fastparquet?"]);
}

#[test]
fn arguments_of_whatever_call() {
    let source = "\
import torch
from transformers import AutoModelForCausalLM as Auto
model = Auto.from_pretrained(name, device_map='auto', load_in_8bit=True, attn_implementation='flash_attention_2')
load(x, load_in_4bit=args.four)
options = {'device_map': None, 'load_in_8bit': False}
more = dict(low_cpu_mem_usage=True)
";
    assert_eq!(
        implied(source),
        [
            "3 transformers/torch-models: torch",
            "3 transformers/device-map: accelerate",
            "3 transformers/bits: bitsandbytes",
            "3 transformers/bits: accelerate",
            "3 transformers/attention: flash-attn",
            "6 transformers/low-memory: accelerate",
        ]
    );
    let unsure = "import transformers\nload(x, load_in_4bit=args.four)\n";
    assert_eq!(implied(unsure), ["2 transformers/bits: bitsandbytes?"]);
    assert_eq!(names("import os\nload(load_in_8bit=True)\n"), [] as [&str; 0]);
}

#[test]
fn lists_of_names() {
    let source = "\
import transformers, evaluate, accelerate
transformers.TrainingArguments(report_to=['wandb', 'tensorboard'])
evaluate.load('rouge')
accelerate.Accelerator(log_with='mlflow')
";
    assert_eq!(
        names(source),
        [
            "absl-py",
            "accelerate",
            "mlflow",
            "nltk",
            "rouge-score",
            "tensorboard|tensorboardX",
            "torch",
            "wandb"
        ]
    );
}

#[test]
fn names_that_are_used() {
    assert_eq!(names("from pytorch_lightning.loggers import WandbLogger as W\nW('x')\n"), ["wandb"]);
    assert_eq!(
        names("import lightning as L\nL.pytorch.loggers.TensorBoardLogger('x')\n"),
        ["tensorboard|tensorboardX"]
    );
    assert_eq!(
        names("import transformers as tf\ntf.T5Tokenizer.from_pretrained('x')\n"),
        ["protobuf?", "sentencepiece"]
    );
    assert_eq!(
        names("from transformers import TFBertModel\nTFBertModel.from_pretrained(x)\n"),
        ["tensorflow", "tf-keras"]
    );
    assert_eq!(names("from transformers import BertTokenizer, BertConfig\n"), [] as [&str; 0]);
    assert_eq!(names("import networkx as nx\nnx.draw_networkx(g)\n"), ["matplotlib"]);
    assert_eq!(names("import networkx as nx\nnx.Graph()\n"), [] as [&str; 0]);
    assert_eq!(
        names("import plotly.express as px\nfig = px.scatter(df, trendline='ols')\n"),
        ["numpy", "pandas?", "statsmodels"]
    );
    assert_eq!(names("import mlflow\nmlflow.sklearn.log_model(m)\n"), ["scikit-learn"]);
    assert_eq!(names("import optuna\noptuna.visualization.matplotlib.plot_slice(s)\n"), ["matplotlib"]);
    assert_eq!(names("from optuna.visualization import plot_slice\nplot_slice(s)\n"), ["plotly"]);
}

#[test]
fn the_import_of_a_class_is_not_its_use() {
    let source = "\
from transformers import T5Tokenizer, MarianTokenizer, TrainingArguments, HfArgumentParser, XLMTokenizer
from pytorch_lightning.loggers import WandbLogger, MLFlowLogger, CometLogger
CLASSES = {'t5': (T5Tokenizer, 1)}
HfArgumentParser((TrainingArguments,))
class Mine(WandbLogger): pass
if isinstance(x, MLFlowLogger): pass
def f(tokenizer: MarianTokenizer): XLMTokenizer.from_pretrained('x')
";
    assert_eq!(
        implied(source),
        [
            "1 transformers/older-sentencepiece-tokenizers: sentencepiece?",
            "1 transformers/protobuf: protobuf?",
            "1 transformers/sentencepiece-tokenizers: sentencepiece?",
            "2 pytorch_lightning/loggers: mlflow?",
            "2 pytorch_lightning/loggers: comet-ml?",
            "4 transformers/trainer: accelerate",
            "4 transformers/torch-models: torch",
            "5 pytorch_lightning/loggers: wandb",
            "7 transformers/moses-tokenizers: sacremoses",
        ]
    );
}

#[test]
fn environments_models_and_drivers() {
    let source = "\
import gymnasium as gym, spacy
gym.make('LunarLander-v3', render_mode='human')
gym.make('ALE/Pong-v5'); gym.make('CartPole-v1'); gym.make(env_id)
nlp = spacy.load('en_core_web_md')
";
    assert_eq!(
        implied(source),
        [
            "2 gym/environments: box2d-py|box2d",
            "2 gym/classic-rendering: pygame",
            "3 gym/environments: ale-py",
            "4 spacy/models: en-core-web-md",
        ]
    );
    assert_eq!(
        names("from torchtext.data.utils import get_tokenizer\nget_tokenizer('spacy', language='de')\n"),
        ["de-core-news-sm", "spacy"]
    );
}

#[test]
fn variables_and_magics() {
    let source = "import os\nos.environ['KERAS_BACKEND'] = 'jax'\nos.environ.setdefault('HF_HUB_ENABLE_HF_TRANSFER', '1')\n";
    assert_eq!(
        implied(source),
        ["2 (variables)/keras-backend: jax", "3 (variables)/hf-transfer: hf-transfer"]
    );
    let cell =
        scan("%matplotlib widget\n%env KERAS_BACKEND=torch\n", &Target::default(), Kind::Cell).unwrap();
    let named: Vec<&str> = cell.implied.iter().map(|it| it.distributions[0].as_str()).collect();
    assert_eq!(named, ["matplotlib", "ipympl", "torch"]);
}

#[test]
fn some_are_needed_from_a_python_on() {
    let later = Target { python: (3, 13), ..Target::default() };
    assert_eq!(implied("import pydub\n"), [] as [&str; 0]);
    assert_eq!(implied_on("import pydub\n", &later), ["1 pydub/audioop: audioop-lts"]);
}

#[test]
fn what_is_said_of_a_call() {
    let source = "import pandas as pd\nif x:\n    frame = pd.read_parquet(\n        path,\n        columns=['aaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'])\n";
    let found = scan(source, &Target::default(), Kind::Script).unwrap();
    let implied = &found.implied[0];
    assert_eq!((implied.line, implied.column), (3, 13));
    assert!(implied.call.starts_with("pd.read_parquet( path, columns=['aaa") && implied.call.ends_with('…'));
    assert_eq!(implied.call.chars().count(), LONGEST_CALL);
}

#[test]
fn defaults_of_the_command_line_are_what_is_meant_where_nothing_else_is_said() {
    let source = "\
import argparse, gym, click
from transformers import TrainingArguments
parser.add_argument('-e', '--env-id', default='LunarLander-v2')
parser.add_argument('--optim', dest='optimizer', default='paged_adamw_8bit')
parser.add_argument('--report', default=None)
@click.option('--other', default='CarRacing-v2')
def main(other):
    gym.make(args.env_id)
    gym.make(other)
    TrainingArguments('o', optim=args.optimizer, report_to=args.report, deepspeed=args.report)
";
    assert_eq!(names(source), ["accelerate", "bitsandbytes", "box2d-py|box2d", "deepspeed?", "torch"]);
}

#[test]
fn what_is_one_of_several_is_needed_perhaps() {
    let source = "\
import spacy
MODELS = {'en': 'en_core_web_sm', 'de': 'de_core_news_sm'}
def f(language): return spacy.load(MODELS[language])
";
    assert_eq!(names(source), ["de-core-news-sm?", "en-core-web-sm?"]);
    assert_eq!(
        names("import spacy\nfor x in ['en_core_web_sm', 'de_core_news_sm']:\n    spacy.load(x)\n").len(),
        2
    );
    assert_eq!(
        names("import spacy\nspacy.load('en_core_web_sm' if x else 'de_core_news_sm')\n"),
        ["de-core-news-sm?", "en-core-web-sm?"]
    );
}
