//! `env detect` in three real environments of 90 to 290 distributions: every import form, shared namespaces included, names
//! exactly the right distributions, at the versions that the environment's own Python gives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Test, need, server};

/// The folder of a real environment; none where they were not made.
pub fn environment(name: &str) -> Option<PathBuf> {
    // Made again where its pins are other ones by now.
    need("environments").then(|| PathBuf::from(server("environments.sh", &[name])))
}

/// Normalised name → version, as `importlib.metadata` of that environment has it.
fn installed(environment: &Path) -> BTreeMap<String, String> {
    let program = "import importlib.metadata, json, re\n\
        print(json.dumps({re.sub('[-_.]+', '-', d.metadata['Name']).lower(): d.version \
        for d in importlib.metadata.distributions()}))";
    let output = Command::new(environment.join("bin/python")).args(["-I", "-c", program]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What detection says that `script` (with `others` beside it) needs in that environment.
fn detected(environment: &Path, script: &str, others: &[(&str, &str)]) -> serde_json::Value {
    let test = Test::empty();
    let folder = test.root().join("code");
    for (path, text) in [("main.py", script)].iter().chain(others) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let environment = environment.to_string_lossy();
    let folder = folder.to_string_lossy();
    test.scaf(["env", "detect", &*folder, "--json", "--python", &*environment]).ok().json()
}

/// Exactly these distributions are named, and at the environment's versions.
#[track_caller]
fn exactly(environment: &Path, answer: &serde_json::Value, expected: &[&str]) {
    let versions = installed(environment);
    let expected: BTreeMap<&str, &str> = expected
        .iter()
        .map(|name| (*name, versions.get(*name).map_or("not installed", String::as_str)))
        .collect();
    let named: BTreeMap<&str, &str> = answer["third_party"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, entry)| (name.as_str(), entry["version"].as_str().unwrap_or("no version")))
        .collect();
    assert_eq!(named, expected, "{answer:#}");
    assert!(empty(&answer["unresolved"]), "{:#}", answer["unresolved"]);
}

fn empty(group: &serde_json::Value) -> bool {
    match group {
        serde_json::Value::Null => true,
        serde_json::Value::Array(values) => values.is_empty(),
        serde_json::Value::Object(values) => values.is_empty(),
        other => panic!("a group is {other}"),
    }
}

/// Every import name that detection gives for a distribution.
fn imports(answer: &serde_json::Value, name: &str) -> BTreeSet<String> {
    let imports = answer["third_party"][name]["imports"].as_array().unwrap();
    imports.iter().map(|import| import.as_str().unwrap().to_owned()).collect()
}

/// pytorch-accelerated installs `docs`, `examples` and `test` at the top: the standard library's `test` and the project's own
/// `examples` come before them. `google` and `cuda` belong to several.
#[test]
fn article_environment() {
    let Some(environment) = environment("article") else { return };
    let script = "\
import os, sys, torch, catboost
import pandas as pd, numpy as np
import matplotlib.pyplot as plt
import transformers.models.bert.modeling_bert
import torchgen, functorch
import cv2
import yaml
import test.support
import examples
import cuda.bindings.driver
from cuda import pathfinder
from mpl_toolkits.mplot3d import Axes3D
from torchvision import transforms as T
from torchvision.transforms.functional import to_tensor
from sklearn.ensemble import RandomForestClassifier
from pytorch_accelerated import Trainer
from PIL import Image, ImageDraw
from google.cloud import storage
from google.api_core.retry import Retry
from six.moves import urllib

def late():
    import dateutil.parser
    from google.protobuf import json_format
    from google.oauth2 import service_account

class Lazy:
    def load(self):
        import scipy.sparse as sparse
        from huggingface_hub import hf_hub_download
";
    let own = [("examples/__init__.py", "import tqdm\n"), ("unused_folder/notes.txt", "import plotly\n")];
    let answer = detected(&environment, script, &own);
    exactly(
        &environment,
        &answer,
        &[
            "catboost",
            "cuda-bindings",
            "cuda-pathfinder",
            "google-api-core",
            "google-auth",
            "google-cloud-storage",
            "huggingface-hub",
            "matplotlib",
            "numpy",
            "opencv-python-headless",
            "pandas",
            "pillow",
            "protobuf",
            "python-dateutil",
            "pytorch-accelerated",
            "pyyaml",
            "scikit-learn",
            "scipy",
            "six",
            "torch",
            "torchvision",
            "tqdm",
            "transformers",
        ],
    );
    assert!(
        imports(&answer, "torch").is_superset(&["functorch", "torchgen", "torch"].map(str::to_owned).into())
    );
}

/// Distributions that share `google`, `azure`, `opentelemetry`, `jaraco`, `backports`, `ruamel` and `zope` part ways at the file
/// that an import finds, in whichever form the statement is.
#[test]
fn vision_environment() {
    let Some(environment) = environment("vision") else { return };
    let script = "\
import azure.core.exceptions
import azure.identity as identity, azure.keyvault.secrets
import google.api_core.retry
import google.type.date_pb2
import opentelemetry.sdk.trace as sdk_trace
import ruamel.yaml
import zope.interface
import jwt, attr, proto, grpc
from attrs import define
from azure.ai.vision.imageanalysis import ImageAnalysisClient
from azure.cognitiveservices.vision.computervision import ComputerVisionClient
from azure.storage import blob
from backports import tarfile
from google.cloud import bigquery, pubsub_v1 as pubsub
from google.cloud.exceptions import NotFound
from google.iam.v1 import policy_pb2
from google.rpc import code_pb2
from grpc_status import rpc_status
from jaraco import functools, text
from jaraco.context import suppress
from opentelemetry import trace, metrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.semconv.resource import ResourceAttributes
from ruamel.yaml import YAML
from skimage import io
from skimage.filters import gaussian
import cv2, cv2.aruco
import albumentations as A
from dateutil import tz

def late():
    from google.cloud import storage
    from google.cloud.vision_v1 import ImageAnnotatorClient
    import google.auth.transport.requests
    import importlib
    importlib.import_module('google.protobuf.json_format')
";
    let answer = detected(&environment, script, &[]);
    exactly(
        &environment,
        &answer,
        &[
            "albumentations",
            "attrs",
            "azure-ai-vision-imageanalysis",
            "azure-cognitiveservices-vision-computervision",
            "azure-core",
            "azure-identity",
            "azure-keyvault-secrets",
            "azure-storage-blob",
            "backports-tarfile",
            "google-api-core",
            "google-auth",
            "google-cloud-bigquery",
            "google-cloud-core",
            "google-cloud-pubsub",
            "google-cloud-storage",
            "google-cloud-vision",
            "googleapis-common-protos",
            "grpc-google-iam-v1",
            "grpcio",
            "grpcio-status",
            "jaraco-context",
            "jaraco-functools",
            "jaraco-text",
            "opencv-python-headless",
            "opentelemetry-api",
            "opentelemetry-exporter-otlp-proto-http",
            "opentelemetry-sdk",
            "opentelemetry-semantic-conventions",
            "proto-plus",
            "protobuf",
            "pyjwt",
            "python-dateutil",
            "ruamel-yaml",
            "scikit-image",
            "zope-interface",
        ],
    );
}

/// One that has grown: distributions whose import name is another's distribution name or nothing like their own, and several
/// that hold the same file (mlflow, mlflow-skinny and mlflow-tracing).
#[test]
fn large_environment() {
    let Some(environment) = environment("large") else { return };
    let script = "\
import mlflow
import bs4, docx, git, zmq, websocket, dns.resolver, tlz, own_module
import psycopg2.extras
import pylab, mpl_toolkits.axes_grid1
import argon2, rest_framework.serializers
import IPython, ipykernel.kernelapp, ipywidgets as widgets
import jupyter_client, jupyter_core, jupyterlab, notebook, nbformat
import dask.array as da, distributed
import sphinxcontrib.jsmath, sphinx
import own_package
import setuptools, _pytest, py
from databricks.sdk import WorkspaceClient
from dotenv import load_dotenv
from multipart import MultipartParser
from pythonjsonlogger import json as json_logger
from graphql import parse
from attr import attrib
from django.db import models
from celery import Celery
from kombu.utils import json as kombu_json
from flask_cors import CORS
from starlette.applications import Starlette
from fastapi import FastAPI
from sqlalchemy.orm import Session
from PIL import Image
from lxml import etree
from yaml import safe_load
from google.cloud import storage
from azure.storage.blob import BlobClient
from sklearn import svm
from statsmodels.api import OLS
from spacy.tokens import Doc
from thinc.api import Model
from rpds import HashTrieMap
from mdurl import encode
from markdown_it import MarkdownIt
from _plotly_utils import colors
import polars._typing
import pyarrow.parquet as pq
";
    let own = [("own_module.py", "import redis\n"), ("own_package/__init__.py", "from dash import html\n")];
    let answer = detected(&environment, script, &own);
    exactly(
        &environment,
        &answer,
        &[
            "argon2-cffi",
            "attrs",
            "azure-storage-blob",
            "beautifulsoup4",
            "celery",
            "dash",
            "dask",
            "databricks-sdk",
            "distributed",
            "django",
            "djangorestframework",
            "dnspython",
            "fastapi",
            "flask-cors",
            "gitpython",
            "google-cloud-storage",
            "graphql-core",
            "ipykernel",
            "ipython",
            "ipywidgets",
            "jupyter-client",
            "jupyter-core",
            "jupyterlab",
            "kombu",
            "lxml",
            "markdown-it-py",
            "matplotlib",
            "mdurl",
            "mlflow",
            "nbformat",
            "notebook",
            "pillow",
            "plotly",
            "polars",
            "psycopg2-binary",
            "pyarrow",
            "pytest",
            "python-docx",
            "python-dotenv",
            "python-json-logger",
            "python-multipart",
            "pyyaml",
            "pyzmq",
            "redis",
            "rpds-py",
            "scikit-learn",
            "setuptools",
            "spacy",
            "sphinx",
            "sphinxcontrib-jsmath",
            "sqlalchemy",
            "starlette",
            "statsmodels",
            "thinc",
            "toolz",
            "websocket-client",
        ],
    );
}
