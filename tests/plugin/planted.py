"""A suite in which secrets are planted in every place that a recording looks into.

Each plant is a function of the suite; `secret(n)` is code out of scope, so that nothing but the plant
itself gives the text away. What must be hidden, and what must not, is told by the table it stands in.
"""

import hashlib
import re
from typing import NamedTuple

VAULT = """
import hashlib

def secret(number):
    return f"zq{number:03d}-Kx9" + hashlib.sha256(str(number).encode()).hexdigest()[:8]

def short(number):
    return f"q{number:03d}!"

def digits(number):
    return 710000 + number

def shown(number):
    return "seen" + "".join("abcdefghij"[int(c)] for c in f"{number:03d}") + "seen"

def alnum(number):
    return "".join(filter(str.isalnum, secret(number)))

def hidden_by(function, *args, **kwargs):
    return function(*args, **kwargs)
"""


class Plant(NamedTuple):
    """A place: what it is called, the body of its function, what the secret there is made of."""

    place: str
    body: str
    kind: str = "secret"


HIDDEN = (
    # Directly under a name.
    Plant("variable", "password = S"),
    Plant("short text", "password = S", "short"),
    Plant("pw", "pw = S", "short"),
    Plant("db_pw", "db_pw = S", "short"),
    Plant("otp as text", "otp = S", "short"),
    Plant("otp as int", "otp = S", "digits"),
    Plant("pin as int", "pin = S", "digits"),
    Plant("dsn", "sentry_dsn = S", "short"),
    Plant("webhook url", "webhook_url = 'https://hooks.example.org/' + S"),
    Plant("connection string", "connection_string = S", "short"),
    Plant("conn str", "conn_str = S", "short"),
    Plant("database url", "DATABASE_URL = S", "short"),
    Plant("client secret", "clientSecret = S", "short"),
    Plant("recovery code", "recovery_code = S", "short"),
    Plant("bytes", "api_key = S.encode()"),
    Plant("bytearray", "api_key = bytearray(S.encode())"),
    Plant("subclass of str", "class Text(str): pass\n    api_key = Text(S)"),
    Plant("argument", "hidden_by(lambda password: None, S)"),
    Plant("keyword", "hidden_by(lambda *, token: None, token=S)"),
    Plant("default", "def inner(token=S): return 1\n    inner()"),
    Plant("variadic", "def inner(*tokens): return 1\n    inner(S)", "short"),
    Plant("keywords", "def inner(**options): return 1\n    inner(api_key=S)", "short"),
    Plant("cell", "token = S\n    def inner(): return len(token)\n    inner()"),
    Plant("global", "global session_token\n    session_token = S"),
    Plant("comprehension", "[len(token) for token in [S]]"),
    Plant("loop", "for passwd in [S]: pass"),
    Plant("walrus", "(secret_key := S)"),
    Plant("with", "import contextlib\n    with contextlib.nullcontext(S) as auth: pass"),
    Plant("unpacked", "user, credentials = 'ann', S"),
    # In a built-in container under a name.
    Plant("list", "passwords = [S]", "short"),
    Plant("tuple", "tokens = (S, 1)", "short"),
    Plant("set", "secrets = {S}", "short"),
    Plant("frozenset", "secrets = frozenset((S,))", "short"),
    Plant("deque", "import collections\n    tokens = collections.deque([S])", "short"),
    Plant("dict", "cookies = {'a': S}", "short"),
    Plant("nested", "credentials = {'a': [{'b': (S,)}]}", "short"),
    Plant("bytes in list", "secrets = [S.encode()]", "short"),
    Plant("otp list", "otp = [S]", "digits"),
    # Keys, attributes, fields.
    Plant("key", "config = {'password': S}", "short"),
    Plant("key of bytes", "environ = {b'API_KEY': S.encode()}", "short"),
    Plant("key below", "config = {'db': {'dsn': S}}", "short"),
    Plant("attribute", "class A: pass\n    a = A(); a.password = S", "short"),
    Plant("slot", "class A: __slots__ = ('token',)\n    a = A(); a.token = S", "short"),
    Plant("class attribute", "class A:\n        api_key = S", "short"),
    Plant(
        "field",
        "import collections\n    L = collections.namedtuple('L', 'u pw')\n"
        "    login = L('u', S)",
        "short",
    ),
    Plant(
        "dataclass",
        "import dataclasses\n    D = dataclasses.make_dataclass('D', ['token'])\n    d = D(S)",
        "short",
    ),
    Plant(
        "ordered dict", "import collections\n    d = collections.OrderedDict(pin=S)", "short"
    ),
    # Pairs.
    Plant("pair", "option = ('password', S)", "short"),
    Plant("pair in list", "options = [['user', 'ann'], ['password', S]]", "short"),
    Plant("headers", "headers = [('Authorization', 'Bearer ' + S)]", "short"),
    Plant("headers of bytes", "headers = [(b'cookie', b'sid=' + S.encode())]", "short"),
    Plant("items", "items = list({'api_key': S}.items())", "short"),
    # Results.
    Plant("result", "def get_password(): return S\n    get_password()", "short"),
    Plant("result in list", "def load_tokens(): return [S]\n    load_tokens()", "short"),
    Plant(
        "property",
        "class A:\n        @property\n        def token(self): return S\n    A().token",
        "short",
    ),
    Plant("yield", "def tokens(): yield S\n    list(tokens())", "short"),
    Plant(
        "coroutine",
        "import asyncio\n    async def fetch_token(): return S\n    asyncio.run(fetch_token())",
        "short",
    ),
    # Copies under a harmless name: learned, masked when packed.
    Plant("copy", "password = S; x = password"),
    Plant("part", "password = S; x = f'before {password} after'"),
    Plant("part of bytes", "password = S; x = b'before ' + password.encode()"),
    Plant("copy before", "x = S; password = x"),
    Plant("copy in list", "password = S; x = ['a', {'b': password}]"),
    Plant("copy as key", "password = S; x = {password: 1}"),
    Plant("copy of bytes as text", "api_key = S.encode(); x = api_key.decode()"),
    Plant("copy of result", "def get_password(): return S\n    x = get_password()"),
    Plant("copy as attribute", "password = S\n    class A: pass\n    a = A(); a.x = password"),
    Plant("result of a harmless name", "password = S\n    (lambda: password)()"),
    Plant("token of a header", "headers = {'Authorization': 'Bearer ' + S}; x = S"),
    Plant("cookie of a jar", "cookie = f'sid={S}; theme=dark'; x = S"),
    Plant("password of a dsn", "dsn = f'postgresql://ann:{S}@db/shop'; x = S"),
    Plant("cut at the bound", "password = S; x = 'x' * 246 + password"),
    Plant("cut bytes", "password = S; x = b'x' * 246 + password.encode()"),
    Plant("longer than the bound", "password = S * 20; x = password + '!'"),
    Plant("not ASCII", "password = 'gr\\u00fc\\u00dfe-' + S; x = f'<{password}>'"),
    Plant("environment", "x = os.environ['MY_API_TOKEN']", "environment"),
    Plant("environment's copy", "x = dict(os.environ)['MY_API_TOKEN'] + '!'", "environment"),
    # What is printed, logged and raised.
    Plant("print", "token = S\n    print('it is', token)"),
    Plant("stderr", "token = S\n    print('it is', token, file=sys.stderr)"),
    Plant("print before", "print('it is', S); token = S"),
    Plant("log", "token = S\n    logging.getLogger('x').warning('it is %s', token)"),
    Plant("log pair", "logging.getLogger('x').warning('password=%s', S)", "short"),
    Plant(
        "log mapping",
        "logging.getLogger('x').warning('d %(password)s', {'password': S})",
        "short",
    ),
    Plant(
        "log mapping that does not fit",
        "import contextlib\n    with contextlib.suppress(TypeError):"
        " logging.getLogger('x').warning('d %(password)d', {'password': S})",
    ),
    Plant("message", "token = S\n    raises(ValueError('it is ' + token))"),
    Plant("message before", "error = ValueError('it is ' + S); raises(error); token = S"),
    Plant("message pair", "raises(ValueError(f'password={S}'))", "short"),
    Plant("arguments of an error", "token = S\n    error = KeyError(token, 1); raises(error)"),
    Plant("chained", "token = S\n    chain(token)"),
    Plant("note", "token = S\n    recording.note('it is ' + token)"),
    Plant("warning", "token = S\n    import warnings\n    warnings.warn('it is ' + token)"),
    # Known shapes inside strings.
    Plant("query", "url = f'https://h/?access_token={S}&a=1'", "short"),
    Plant("ado", "text = f'Server=h;Password={S};User=u'", "short"),
    Plant(
        "json", "import json\n    text = json.dumps({'password': S, 'user': 'ann'})", "short"
    ),
    Plant(
        "json of bytes", "import json\n    text = json.dumps({'password': S}).encode()", "short"
    ),
    Plant(
        "json in json", "import json\n    text = json.dumps(json.dumps({'pwd': S}))", "short"
    ),
    Plant("repr", "text = repr({'api_key': S})", "short"),
    Plant(
        "raw headers", "text = f'GET / HTTP/1.1\\r\\nCookie: a=b; c={S}\\r\\nHost: h'", "short"
    ),
    Plant(
        "raw headers of bytes", "text = f'A: b\\r\\nAuthorization: Digest {S}\\r\\n'.encode()"
    ),
    Plant("url password", "url = f'amqp://ann:{S}@mq/'", "short"),
    Plant("xml", "text = f'<a><password>{S}</password></a>'", "short"),
    Plant(
        "private key",
        "text = f'-----BEGIN PRIVATE KEY-----\\n{S}\\n-----END PRIVATE KEY-----'",
        "short",
    ),
    Plant(
        "cut private key", "text = f'-----BEGIN PRIVATE KEY-----\\n{S}' + 'x' * 500", "short"
    ),
    Plant("jwt", "text = f'a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{S} b'"),
    Plant("github", "text = 'ghp_' + S", "alnum"),
    Plant("slack", "text = 'xoxb-' + S + '-abcdef'"),
    Plant("bearer alone", "text = f'Bearer {S}'"),
    Plant("slack hook", "text = f'https://hooks.slack.com/services/T0/B0/{S}'"),
    Plant("print of a shape", "print(f'amqp://ann:{S}@mq/')", "short"),
    # Other threads and frames.
    Plant(
        "thread",
        "import threading\n    def inner(token): x = token\n"
        "    t = threading.Thread(target=inner, args=(S,)); t.start(); t.join()",
    ),
    Plant(
        "generator", "def inner(token):\n        x = token\n        yield x\n    list(inner(S))"
    ),
    Plant(
        "nested function",
        "def outer(pwd):\n        def inner(x): return x\n"
        "        return inner(pwd)\n    outer(S)",
    ),
)

SHOWN = (
    Plant("number of tokens", "tokens = [T, 1]", "digits"),
    Plant("token as int", "token = T", "digits"),
    Plant("token as float", "token = T + 0.5", "digits"),
    Plant(
        "a class of a parser",
        "class Token:\n        def __init__(self, v): self.value = v\n    token = Token(T)",
    ),
    Plant(
        "tokens of a parser",
        "class Token:\n        def __init__(self, v): self.kind = v\n    tokens = [Token(T)]",
    ),
    Plant(
        "named tuple of a parser",
        "import collections\n"
        "    Token = collections.namedtuple('Token', 'kind text')\n    token = Token('a', T)",
    ),
    Plant("member of an enum", "import enum\n    token = enum.Enum('Kind', {T: 1})[T]"),
    Plant("decimal", "import decimal\n    token = decimal.Decimal(T)", "digits"),
    Plant("keys", "passwords = {T: None}"),
    Plant("first of a pair", "pair = (T, 'password')"),
    Plant("count", "max_tokens = T"),
    Plant("harmless name", "author = T"),
    Plant("result of a harmless name", "def company(): return T\n    company()"),
    Plant("a word that equals a short value", "password = 'seen'; x = T"),
    Plant("a plain word", "password = 'correcthorse'; x = 'correcthorse ' + T"),
    Plant("a path", "ssh_key_path = '/home/ann/.ssh/id'; x = '/home/ann/.ssh/id ' + T"),
    Plant("message of a parser", "x = f'unexpected token: {T}'"),
    Plant("user of a url", "x = f'https://{T}@h/'"),
    Plant("none", "password = None; x = T"),
    Plant(
        "certificate", "x = f'-----BEGIN CERTIFICATE-----\\n{T}\\n-----END CERTIFICATE-----'"
    ),
    Plant("printed", "print('it is', T)"),
)

HEAD = """
import logging, os, sys
import pytest
from vault import alnum, digits, hidden_by, secret, short, shown

def raises(error):
    try:
        raise error
    except Exception:
        pass

def chain(token):
    try:
        try:
            raise KeyError("first " + token)
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError:
        pass

"""


def token_of(number: int, kind: str) -> str:
    """Give what the vault gives."""
    if kind == "digits":
        return str(710000 + number)
    if kind == "short":
        return f"q{number:03d}!"
    if kind == "environment":
        return ENVIRONMENT
    text = f"zq{number:03d}-Kx9" + hashlib.sha256(str(number).encode()).hexdigest()[:8]
    return text.replace("-", "") if kind == "alnum" else text


def shown_of(number: int, kind: str) -> str:
    """Give what the vault gives for what is shown."""
    if kind == "digits":
        return str(710500 + number)
    return "seen" + "".join("abcdefghij"[int(c)] for c in f"{number:03d}") + "seen"


ENVIRONMENT = "zq999-Kx9environ81"
"""The value of `MY_API_TOKEN`."""
PARAMETER = "zq998-Kx9param81"
"""Of a test, and in its id."""
LITERAL = "zq997-Kx9literal81"
"""In the source."""
FIXTURE, NAMED_FIXTURE, SESSION_FIXTURE, FAILING = 990, 991, 992, 993


def suite() -> str:
    """Give the suite: a failing test that calls all plants, and one for each kind of fixture."""
    parts = [HEAD]
    calls: list[str] = []
    for number, plant in enumerate(HIDDEN):
        body = _filled(plant.body, "S", f"{plant.kind}({number})")
        parts.append(f"def hide_{number}(recording):\n    {body}\n")
        calls.append(f"    hide_{number}(recording)")
    for number, plant in enumerate(SHOWN):
        value = f"digits({number + 500})" if plant.kind == "digits" else f"shown({number})"
        parts.append(f"def show_{number}():\n    {_filled(plant.body, 'T', value)}\n")
        calls.append(f"    show_{number}()")
    return "\n".join((*parts, TESTS.replace("CALLS", "\n".join(calls))))


def _filled(body: str, letter: str, value: str) -> str:
    return re.sub(rf"(?<![A-Za-z_]){letter}(?![A-Za-z_])", value, body)


TESTS = f"""
@pytest.fixture
def auth_token():
    return secret({FIXTURE})

@pytest.fixture(name="api_key")
def make():
    return secret({NAMED_FIXTURE})

@pytest.fixture(scope="session")
def login_password():
    yield secret({SESSION_FIXTURE})

def test_plants(recording):
CALLS
    assert False, "the end of the plants"

def test_fixtures(auth_token, api_key, login_password):
    x = [auth_token, api_key, login_password]
    raise RuntimeError("nothing of " + auth_token)

def test_another(login_password):
    x = "again " + login_password
    assert x == ""

@pytest.mark.parametrize("password", ["{PARAMETER}"])
def test_parameter(password):
    x = password
    assert not x

def test_literal():
    password = "{LITERAL}"
    url = "https://h/?access_token=q996!&a=1"
    # it was {LITERAL}
    check("{LITERAL}" + "!", url)

def check(text, url):
    token = secret({FAILING})
    assert text == token
"""
