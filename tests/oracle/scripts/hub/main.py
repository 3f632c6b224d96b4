"""Hubs that load their parts when they are asked for: what they load is theirs, not the script's."""
import transformers
from transformers import AutoConfig, BertConfig, BertModel

import sklearn
from sklearn.linear_model import LinearRegression

config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=10)
model = BertModel(config)
assert model.config.hidden_size == 8
assert transformers.__version__ and AutoConfig and sklearn.__version__
LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
