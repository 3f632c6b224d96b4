import requests

OK = requests.__version__
