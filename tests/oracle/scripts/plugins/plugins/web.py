import flask

from plugins.registry import register


@register("web")
def make():
    return flask.Flask("a")
