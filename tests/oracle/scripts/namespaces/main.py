"""Namespaces that several distributions share, taken in every form of the statement."""
import azure.core.exceptions
import azure.identity as identity
import google.api_core.retry
import google.auth
import google.protobuf.message
import google.type.date_pb2
import jaraco.text
import opentelemetry.sdk.trace as sdk_trace
import ruamel.yaml
import zope.interface
from azure.cognitiveservices.vision.computervision import ComputerVisionClient
from azure.keyvault import secrets
from azure.storage.blob import BlobServiceClient
from backports import tarfile
from google.cloud import pubsub_v1, storage
from google.cloud.vision_v1 import ImageAnnotatorClient
from google.iam.v1 import policy_pb2
from google.oauth2.service_account import Credentials
from grpc_status import rpc_status
from jaraco import functools as more_functools
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from ruamel.yaml import YAML


def query():
    from google.cloud.bigquery import Client

    return Client


assert query() and zope.interface.Interface and YAML and ruamel.yaml.YAML
assert (azure.core.exceptions, identity, google.api_core.retry, google.auth, google.protobuf.message, google.type.date_pb2)
assert (jaraco.text, sdk_trace, ComputerVisionClient, secrets, BlobServiceClient, tarfile, pubsub_v1, storage)
assert (ImageAnnotatorClient, policy_pb2, Credentials, rpc_status, more_functools, trace, OTLPSpanExporter)
